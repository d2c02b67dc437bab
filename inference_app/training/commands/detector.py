"""Train a detector of inputs that the model should not judge, and write it with the model as another version."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from inference_app.training import run as runs
from inference_app.training.commands.data import DATA
from inference_app.training.commands.train import RUN
from inference_app.training.dataset import examples
from inference_app.training.dataset.examples import DataSet
from inference_app.training.dataset.reading import input_spec
from inference_app.training.detector import writing
from inference_app.training.errors import TrainingError
from inference_app.training.published import Published, published
from inference_app.training.values import share

if TYPE_CHECKING:
    from inference_app.training.detector.measuring import Inputs


def arguments(parser: argparse.ArgumentParser) -> None:
    """The version, the run that it came from, and what the detector must keep."""
    parser.add_argument("version", type=Path, help="folder <repository>/<name>/<version>")
    parser.add_argument("--as", dest="name", required=True, help="version to write beside it, which is not there yet")
    parser.add_argument("--run", type=Path, default=RUN, help=f"folder that `train` wrote (default: {RUN})")
    parser.add_argument("--data", type=Path, default=DATA, help=f"folder that `data` wrote (default: {DATA})")
    parser.add_argument("--foreign", type=Path, help="another such folder, of images that it should refuse, to report")
    parser.add_argument("--false-positives", type=share, default=0.01, help="share of clean images to refuse (0.01)")
    parser.add_argument("--least-caught", type=share, default=0.8, help="share of FGSM that it must catch (0.8)")
    parser.add_argument("--epsilon", type=share, default=0.1, help="change of a pixel in attacks, from 0 to 1 (0.1)")


def run(options: argparse.Namespace) -> int:
    """Writes the version once the detector keeps its limits, or raises `TrainingError`."""
    version, data = published(options.version), examples.load(options.data)
    writing.check_free(version, options.name)
    runs.check_same_data(runs.read(options.run), data.manifest)
    _check_inputs(version, data)
    strange = _foreign(options.foreign, data)
    from inference_app.training.detector.choosing import Limits
    from inference_app.training.detector.training import train

    limits = Limits(false_positives=options.false_positives, least_caught=options.least_caught, epsilon=options.epsilon)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / writing.DETECTOR
        trained = train(runs.load_model(options.run), version, data, limits, strange, file)
        written = writing.write(version, file, trained.threshold, trained.report, options.name)
    print(trained.measured.table())  # noqa: T201
    print(f"{written} is written; promote it to have it served")  # noqa: T201
    return 0


def _check_inputs(version: Published, data: DataSet) -> None:
    wanted = input_spec(data.manifest.preprocessing)
    if version.metadata.inputs != (wanted,):
        found = ", ".join(f"{spec.name} {spec.shape}" for spec in version.metadata.inputs)
        raise TrainingError(f"{version.folder} must take {wanted.name} {wanted.shape}, as the data is, got {found}")


def _foreign(folder: Path | None, data: DataSet) -> "Inputs":
    if folder is None:
        return {}
    other = examples.load(folder)
    wanted, found = data.manifest.preprocessing.shape, other.manifest.preprocessing.shape
    if wanted != found:
        raise TrainingError(f"--foreign must be of {wanted} values, got {found}; import it with --size and --mode")
    return {other.manifest.name: other.test.inputs}
