"""`python -m infra.cost --stack prod`: what a stack costs in a month, and what a change adds to it."""

import argparse
import json
import sys
import warnings
from pathlib import Path

import pulumi

from infra.cost.difference import difference, difference_report
from infra.cost.estimate import Estimate, estimate
from infra.cost.prices import price_table
from infra.cost.report import report
from infra.cost.revision import estimate_at
from infra.cost.terms import terms
from infra.preview import PreviewError, stack_file
from infra.preview.program import ROOT, stack_plan
from infra.preview.runner import UNAWAITED


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Print the estimate; return 0, or 2 when the user's input is wrong (a line for each mistake)."""
    warnings.filterwarnings("ignore", UNAWAITED, RuntimeWarning)
    options = _parser().parse_args(arguments)
    try:
        now = _estimate(root, options.stack)
        before = estimate_at(root, options.against, options.stack, price_table()) if options.against else None
    except (PreviewError, pulumi.RunError) as error:
        print(str(error), file=sys.stderr)
        return 2
    print(_document(now, before) if options.json else _text(now, before, options.against))
    return 0


def _estimate(root: Path, name: str) -> Estimate:
    return estimate(stack_plan(name, root=root), price_table(), terms(stack_file.load(root, name)))


def _text(now: Estimate, before: Estimate | None, revision: str) -> str:
    lines = [*report(now, every_item=True)]
    if before:
        lines += ["", *difference_report(revision, before, now)]
    return "\n".join(lines)


def _document(now: Estimate, before: Estimate | None) -> str:
    document = now.to_json()
    if before:
        changes = [change.to_json() for change in difference(before, now)]
        document["against"] = {"total": before.total.to_json(), "changes": changes}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.cost", description=__doc__)
    parser.add_argument("--stack", required=True, help="the stack to price: Pulumi.<stack>.yaml")
    parser.add_argument("--against", metavar="REVISION", help="show what differs from a branch, a tag or a commit")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
