"""Record a version in MLflow, and have an alias name it for the servers that follow it."""

import argparse
import re
from pathlib import Path

from inference_app.mlflow import connection
from inference_app.mlflow.connection import MlflowError
from inference_app.training.errors import TrainingError
from inference_app.training.published import published
from inference_app.training.register import Request, register

ALIAS = "champion"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The version, and where to."""
    parser.add_argument("version", type=Path, help="folder <repository>/<name>/<version>")
    parser.add_argument("--run", type=Path, help="folder that `train` wrote, for its parameters, metrics and pictures")
    parser.add_argument("--experiment", help="in MLflow (default: the model's name)")
    parser.add_argument("--alias", type=_alias, default=ALIAS, help=f"to name the version; empty: none ({ALIAS})")


def run(options: argparse.Namespace) -> int:
    """Says which version of the registered model it is, whether it is new there or not."""
    version = published(options.version)
    request = Request(experiment=options.experiment or version.metadata.name, alias=options.alias, run=options.run)
    try:
        made, is_new = register(connection.from_environment(), version, request)
    except MlflowError as error:
        raise TrainingError(f"{error}; {version.metadata.name} {version.metadata.version} is not registered") from None
    print(f"{made} {'is new' if is_new else 'stands'}: {version.folder}, checksum {version.checksum[:12]}")  # noqa: T201
    if options.alias:
        print(f"models:/{made.name}@{options.alias} is {made}")  # noqa: T201
    return 0


def _alias(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", text):
        raise argparse.ArgumentTypeError(f"must be of letters, digits, dashes and underscores, got {text!r}")
    return text
