"""Write the trained network as SavedModel, LiteRT and ONNX, once all three agree with it."""

import argparse
import logging
from pathlib import Path

from inference_app.training import folders
from inference_app.training import run as runs
from inference_app.training.commands.data import DATA
from inference_app.training.commands.train import RUN
from inference_app.training.dataset import examples
from inference_app.training.evaluation import check_accuracy, check_agreement, evaluate
from inference_app.training.values import share, whole

logger = logging.getLogger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    """The run and its data, and what it must reach."""
    parser.add_argument("--run", dest="run_folder", type=Path, default=RUN, help=f"that `train` wrote (default: {RUN})")
    parser.add_argument("--data", type=Path, default=DATA, help=f"that `data` wrote (default: {DATA})")
    parser.add_argument("--saved-model-version", type=whole, default=1, help="TensorFlow Serving takes numbers (1)")
    add_minimum(parser)


def add_minimum(parser: argparse.ArgumentParser) -> None:
    """What the network must reach."""
    parser.add_argument(
        "--min-accuracy", type=share, help="on the held-out part (default: more than its most frequent label's share)"
    )


def run(options: argparse.Namespace) -> int:
    """Writes `exports/` into the run's folder; raises `RefusedModelError` where a format answers otherwise."""
    trained, data = runs.read(options.run_folder), examples.load(options.data)
    runs.check_same_data(trained, data.manifest)
    from inference_app.training import formats, runtimes

    model, inputs = runs.load_model(options.run_folder), data.test.inputs
    # What Keras answers is the measure; no other runtime's answer ever is.
    expected = model.predict(inputs, verbose=0)
    check_accuracy(evaluate(data.test.labels, expected), options.min_accuracy)
    target = options.run_folder / runs.EXPORTS
    with folders.written(target, runs.ONNX) as folder:
        version = folder / runs.SAVED_MODEL / trained.name / str(options.saved_model_version)
        formats.write_saved_model(model, version)
        formats.write_litert(model, folder / runs.LITERT)
        formats.write_onnx(model, folder / runs.ONNX)
        predictors = {
            "TensorFlow Serving's SavedModel": runtimes.saved_model(version),
            "LiteRT": runtimes.litert(folder / runs.LITERT),
            "ONNX Runtime": runtimes.onnx(folder / runs.ONNX),
        }
        for what, predict in predictors.items():
            found = check_agreement(what, runtimes.predict_all(predict, inputs), expected)
            logger.info("%s and Keras differ by %.1e at most on %d held-out images", what, found, len(inputs))
    logger.info("Wrote %s", target)
    return 0
