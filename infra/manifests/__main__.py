"""`python -m infra.manifests --stack prod`: write or publish what serves the model, for another owner to make."""

import argparse
import json
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import pulumi

from infra.manifests import folder
from infra.manifests.branch import publish
from infra.manifests.refusals import refusals
from infra.manifests.workload import workload_of
from infra.preview.errors import PreviewError
from infra.preview.manifests import Manifest
from infra.preview.program import ROOT
from infra.preview.runner import UNAWAITED
from infra.preview.stack_file import add_settings, load, split_settings
from infra.settings.delivery import DeliverySettings


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write the files; return 0, or 2 when the user's input is wrong, which leaves everything as it was."""
    warnings.filterwarnings("ignore", UNAWAITED, RuntimeWarning)
    options = _parser().parse_args(arguments)
    try:
        plan, files = workload_of(options.stack, options.set, root)
        if refused := list(refusals(plan, files)):
            print("\n".join(refused), file=sys.stderr)
            return 2
        print(_published(options, files, root) if options.publish else _written(options, files, root))
    except (PreviewError, pulumi.RunError) as error:
        print(str(error), file=sys.stderr)
        return 2
    return 0


def _written(options: argparse.Namespace, files: Sequence[Manifest], root: Path) -> str:
    into: Path = options.into or root / "build/manifests"
    folder.write(files, into)
    return f"{len(files)} files in {os.path.relpath(into)}"


def _published(options: argparse.Namespace, files: Sequence[Manifest], root: Path) -> str:
    settings = _delivery(options, root).argocd
    where = f"branch {settings.revision} of {settings.repository}"
    commit = publish(files, settings, options.message or f"Manifests of {options.stack}")
    return f"{len(files)} files on {where}, commit {commit}" if commit else f"{where} has these {len(files)} files"


def _delivery(options: argparse.Namespace, root: Path) -> DeliverySettings:
    stack = load(root, options.stack, split_settings(options.set)[0])
    return DeliverySettings.model_validate_json(json.dumps(stack.config[f"{stack.project}:delivery"]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.manifests", description=__doc__)
    parser.add_argument("--stack", required=True, help="the stack: Pulumi.<stack>.yaml")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--into", type=Path, metavar="DIR", help="where to write the files (default: build/manifests)")
    where.add_argument("--publish", action="store_true", help="commit them to the branch that `delivery` names")
    parser.add_argument("--message", help="what the commit says (default: Manifests of <stack>)")
    add_settings(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
