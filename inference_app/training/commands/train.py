"""Train a network on what `data` wrote, and report on the part held out."""

import argparse
import logging
from pathlib import Path

from inference_app.staging.files import write_json
from inference_app.training import folders, report
from inference_app.training import run as runs
from inference_app.training.commands.data import DATA
from inference_app.training.dataset import examples
from inference_app.training.evaluation import evaluate
from inference_app.training.values import above_zero, whole

logger = logging.getLogger(__name__)

RUN = Path("build/run")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The data, and how long and how fast to learn from it."""
    parser.add_argument("--data", type=Path, default=DATA, help=f"folder that `data` wrote (default: {DATA})")
    parser.add_argument("--into", type=Path, default=RUN, help=f"folder to write (default: {RUN})")
    parser.add_argument("--seed", type=int, help="of weights, order and dropout (default: the data's)")
    parser.add_argument("--epochs", type=whole, default=30, help="most passes over the images (30)")
    parser.add_argument("--patience", type=whole, default=8, help="epochs without a better validation, then stop (8)")
    parser.add_argument("--batch-size", type=whole, default=32, help="images a step (32)")
    parser.add_argument("--learning-rate", type=above_zero, default=3e-3, help="at the start (0.003)")
    parser.add_argument("--xla", action="store_true", help="compile the steps with XLA; worth it on GPUs")


def run(options: argparse.Namespace) -> int:
    """Writes the network, run.json, report.json and a picture of the confusion matrix."""
    data = examples.load(options.data)
    from inference_app.training import network

    found = data.manifest
    settings = network.TrainingSettings(
        seed=found.seed if options.seed is None else options.seed,
        epochs=options.epochs,
        patience=options.patience,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        xla=options.xla,
    )
    logger.info("Training on %s images; %s validate, %s are held out", *(f"{len(part):,}" for part in data.parts))
    with folders.written(options.into, runs.FILE) as folder:
        model, course = network.train(data, settings)
        evaluation = evaluate(data.test.labels, model.predict(data.test.inputs, verbose=0))
        model.save(folder / runs.MODEL)
        write_json(folder / runs.REPORT, report.report(evaluation, found.labels))
        report.draw(evaluation, found.labels, folder / runs.PICTURE)
        written = runs.Run(
            name=found.name,
            framework=network.FRAMEWORK,
            data_source=found.source,
            data_sha256=found.sha256,
            parameters=vars(settings) | {"weights": model.count_params(), "images": len(data.train)},
            metrics={
                "held_out_accuracy": evaluation.accuracy,
                "held_out_macro_f1": evaluation.macro_f1,
                "held_out_examples": evaluation.examples,
            },
            course=course,
        )
        (folder / runs.FILE).write_text(written.model_dump_json(indent=1) + "\n", encoding="utf-8")
    logger.info("%s\nWrote %s", report.table(evaluation, found.labels), options.into)
    return 0
