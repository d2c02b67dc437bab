"""Run data, train, export and optimise, one after another."""

import argparse
import logging
from pathlib import Path
from types import ModuleType

from inference_app.training.commands import data, export, optimise, train
from inference_app.training.dataset import manifest

logger = logging.getLogger(__name__)

WORK = Path("build/training")


def arguments(parser: argparse.ArgumentParser) -> None:
    """A folder for what the steps write, and what each of them is told."""
    parser.add_argument("--work", type=Path, default=WORK, help=f"folder of the steps' results (default: {WORK})")
    data.add_source(parser)
    export.add_minimum(parser)
    optimise.add_version(parser)


def run(options: argparse.Namespace) -> int:
    """Writes what the four commands write; what they would be told more is as they have it by default."""
    folder, results = str(options.work / "data"), str(options.work / "run")
    _step(options, data, "--into", folder)
    optimise.check(options, manifest.read(options.work / "data").name)
    _step(options, train, "--data", folder, "--into", results)
    _step(options, export, "--data", folder, "--run", results)
    _step(options, optimise, "--data", folder, "--run", results)
    return 0


def _step(options: argparse.Namespace, command: ModuleType, *words: str) -> None:
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    told = parser.parse_args(words)
    # What the pipeline was told goes before a step's own default.
    shared = vars(told).keys() & vars(options).keys()
    command.run(argparse.Namespace(**vars(told) | {name: getattr(options, name) for name in shared}))
