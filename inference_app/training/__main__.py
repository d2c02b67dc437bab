"""`python -m inference_app.training`: from a folder of images to a version in a model repository, a command a step."""

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence
from types import ModuleType

from inference_app.training import commands
from inference_app.training.errors import TrainingError


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when it is done, 1 when it was refused or failed; bad usage exits with 2."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("inference_app").setLevel(logging.INFO)
    try:
        return options.command.run(options)
    except TrainingError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}" if error.filename else error, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference_app.training", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in commands.NAMES:
        _add(subparsers, name, importlib.import_module(f"{commands.__name__}.{name}"))
    return parser


def _add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: ModuleType) -> None:
    described = (command.__doc__ or "").strip()
    parser = subparsers.add_parser(name, help=described.splitlines()[0].rstrip("."), description=described)
    command.arguments(parser)
    parser.set_defaults(command=command)


if __name__ == "__main__":
    sys.exit(main())
