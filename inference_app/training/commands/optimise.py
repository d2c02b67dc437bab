"""Quantise and prune, compare, and write the chosen variant into a model repository."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from inference_app.staging.files import write_json, write_text
from inference_app.training import comparison, folders
from inference_app.training import run as runs
from inference_app.training.commands.data import DATA
from inference_app.training.commands.train import RUN
from inference_app.training.comparison import Measurement
from inference_app.training.dataset import examples
from inference_app.training.values import name, now, share, timestamp, whole
from inference_app.training.variant import Kind
from inference_app.training.version import Candidate, check_free, golden_tolerance, write

logger = logging.getLogger(__name__)

REPOSITORY = Path(__file__).parents[2] / "model_repository"
TABLE, TABLE_FIELDS = "table.md", "table.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The run and its data, how much may be lost, and where the chosen variant goes."""
    parser.add_argument("--run", dest="run_folder", type=Path, default=RUN, help=f"that `train` wrote (default: {RUN})")
    parser.add_argument("--data", type=Path, default=DATA, help=f"that `data` wrote (default: {DATA})")
    parser.add_argument(
        "--max-accuracy-drop", type=share, default=0.01, help="most that a variant may lose on the held-out part (0.01)"
    )
    parser.add_argument("--sparsity", type=share, default=0.5, help="share of weights that pruning takes (0.5)")
    parser.add_argument("--fine-tuning", type=whole, default=4, help="epochs after pruning (4)")
    parser.add_argument(
        "--choose",
        choices=[kind.value for kind in Kind if kind.is_servable],
        default=Kind.FLOAT.value,
        help="which variant is to be served (default: float)",
    )
    add_version(parser)


def add_version(parser: argparse.ArgumentParser) -> None:
    """Where the version goes."""
    parser.add_argument("--repository", type=Path, default=REPOSITORY, help="model repository to write into")
    parser.add_argument("--version", type=name, help="of the model, as it is served (default: the next number)")
    parser.add_argument("--replace", action="store_true", help="write over that version if it is there")
    parser.add_argument("--promote", action="store_true", help="make it the active version, as a model's first one is")
    parser.add_argument(
        "--created",
        type=timestamp,
        default=now(),
        help="time to record, in seconds since 1970 (default: SOURCE_DATE_EPOCH, else now)",
    )


def run(options: argparse.Namespace) -> int:
    """Writes the variants and their table into the run's folder, and the chosen one into the repository."""
    trained, data = runs.read(options.run_folder), examples.load(options.data)
    runs.check_same_data(trained, data.manifest)
    check(options, trained.name)
    from inference_app.training import optimisation

    target, most = options.run_folder / runs.OPTIMISED, options.max_accuracy_drop
    with folders.written(target, TABLE) as folder:
        made = optimisation.make(options.run_folder, trained, data, options.sparsity, options.fine_tuning, folder)
        expected = made[Kind.FLOAT].answers.held_out
        measured = [comparison.measure(each, data.test, expected, most) for each in made.values()]
        _write_table(folder, measured, most)
    logger.info("Wrote %s", target)
    kind = Kind(options.choose)
    chosen, found = made[kind], next(each for each in measured if each.kind is kind)
    comparison.check_kept(found, most)
    candidate = Candidate(
        model=target / kind.file,
        run=trained,
        data=data,
        data_folder=options.data,
        measured=found,
        golden=chosen.answers.golden,
        tolerance=golden_tolerance(chosen.predict, data.golden, chosen.answers.golden),
    )
    logger.info("Wrote %s", options.repository / trained.name / _write(options, candidate))
    return 0


def check(options: argparse.Namespace, model: str) -> None:
    """Raise `TrainingError` now where the version could not be written at the end."""
    if options.version and not options.replace:
        check_free(options.repository / model / options.version)


def _write_table(folder: Path, measured: Sequence[Measurement], most: float) -> None:
    """The table, without the files of the variants that it refuses."""
    for each in measured:
        if each.refused:
            (folder / each.kind.file).unlink()
    table = comparison.markdown(measured, most)
    write_text(folder / TABLE, table)
    write_json(folder / TABLE_FIELDS, {"max_accuracy_drop": most, "variants": [each.fields for each in measured]})
    logger.info("%s", table.rstrip())


def _write(options: argparse.Namespace, candidate: Candidate) -> str:
    return write(
        options.repository,
        candidate,
        version=options.version,
        replace=options.replace,
        promote=options.promote,
        created=options.created,
    )
