"""`python -m inference_app.repository`: list the versions of models, add and remove them, choose the active one.

A server that follows its repository loads the active version; one with MODEL_VERSION stays with that.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from inference_app import settings
from inference_app.errors import ConfigurationError, ModelUnusable
from inference_app.repository import changes, listing
from inference_app.repository.changes import RefusedChangeError
from inference_app.repository.versions import ModelVersion
from inference_app.settings import Settings
from inference_app.staging.lock import WAIT_SECONDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when it is done, 1 when it was refused or failed, 2 for a wrong setting or what is not there."""
    options = _parser().parse_args(arguments)
    try:
        wanted = settings.load()
        if options.repository:
            wanted = wanted.model_copy(update={"model_repository": options.repository})
        run: Callable[[Settings, argparse.Namespace], str] = options.run
        print(run(wanted, options))
    except ConfigurationError as error:
        return _fail(error, 2)
    except (RefusedChangeError, ModelUnusable) as error:
        return _fail(error, 1)
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else error, 1)
    return 0


def _list(wanted: Settings, options: argparse.Namespace) -> str:
    found = list(listing.entries(wanted.model_repository, options.name))
    return "\n".join(json.dumps(entry.fields()) for entry in found) if options.json else listing.table(found)


def _add(wanted: Settings, options: argparse.Namespace) -> str:
    added = changes.add(wanted.model_repository, options.folder, options.wait, _prover(wanted, check=options.check))
    name, version = added.directory.parent.name, added.directory.name
    if not options.promote:
        return f"{name} {version} is in {added.directory.parent}; promote it to have it served"
    changes.promote(wanted.model_repository, name, version, options.wait)
    return f"{name} {version} is in {added.directory.parent} and active"


def _prover(wanted: Settings, *, check: bool) -> Callable[[ModelVersion], None]:
    if not check:
        return lambda _: None
    from inference_app.repository.proof import prove  # loads ONNX Runtime

    return lambda version: prove(version, wanted)


def _promote(wanted: Settings, options: argparse.Namespace) -> str:
    record = changes.promote(wanted.model_repository, options.name, options.version, options.wait)
    return f"{options.name} {record.version} is active; before it: {', '.join(record.previous) or 'none'}"


def _roll_back(wanted: Settings, options: argparse.Namespace) -> str:
    old, new = changes.roll_back(wanted.model_repository, options.name, options.steps, options.wait)
    return f"{options.name} {new.version} is active instead of {old.version}, {options.steps} back"


def _remove(wanted: Settings, options: argparse.Namespace) -> str:
    changes.remove(wanted.model_repository, options.name, options.version, options.wait, force=options.force)
    return f"{options.name} {options.version} is removed"


def _fail(reason: object, status: int) -> int:
    print(reason, file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference_app.repository", description=__doc__)
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument("--repository", type=Path, help="folder of models (default: MODEL_REPOSITORY)")
    writing = argparse.ArgumentParser(add_help=False, parents=[everywhere])
    writing.add_argument(
        "--wait", type=_seconds, default=WAIT_SECONDS, help="seconds to wait for another writer (default: 30)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_list(commands.add_parser("list", help="every version, a line each", parents=[everywhere]))
    _add_add(commands.add_parser("add", help="check a version's folder and copy it in", parents=[writing]))
    promote = commands.add_parser("promote", help="make a version the active one", parents=[writing])
    _add_version(promote)
    promote.set_defaults(run=_promote)
    _add_rollback(commands.add_parser("rollback", help="make an earlier version active again", parents=[writing]))
    _add_remove(commands.add_parser("remove", help="remove a version that is not in use", parents=[writing]))
    return parser


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="of this model only")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    parser.set_defaults(run=_list)


def _add_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="the version: model.onnx, metadata.json, its golden file, ...")
    parser.add_argument("--promote", action="store_true", help="make it the active version too")
    parser.add_argument(
        "--no-check", dest="check", action="store_false", help="do not load it and run its golden inference"
    )
    parser.set_defaults(run=_add)


def _add_rollback(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the model")
    parser.add_argument("--steps", type=_count, default=1, help="how many versions back (default: 1)")
    parser.set_defaults(run=_roll_back)


def _add_remove(parser: argparse.ArgumentParser) -> None:
    _add_version(parser)
    parser.add_argument("--force", action="store_true", help="also the version that a rollback would take")
    parser.set_defaults(run=_remove)


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the model")
    parser.add_argument("version", help="one of its versions")


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be seconds, 0 or more, got {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
