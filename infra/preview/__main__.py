"""`python -m infra.preview --stack dev`: preview a stack with no account and no network."""

import argparse
import datetime
import json
import os
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pulumi

from infra.compatibility.end_of_life import ends_of_life
from infra.cost.estimate import estimate
from infra.cost.prices import price_table
from infra.cost.report import report as cost_report
from infra.cost.terms import terms
from infra.manifests import folder as published
from infra.manifests.workload import delivered
from infra.policy import check as policy
from infra.preview import manifests
from infra.preview.checks import check_plan
from infra.preview.errors import PreviewError
from infra.preview.program import ROOT, stack_plan
from infra.preview.report import plain_plan, report
from infra.preview.runner import UNAWAITED
from infra.preview.stack_file import add_settings, load


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Preview one stack; return 0, 1 when a check or a policy fails, 2 when the user's input is wrong.

    Each mistake is told in a line of its own.
    """
    # What a failed program leaves behind may be collected as late as at the end of the process.
    warnings.filterwarnings("ignore", UNAWAITED, RuntimeWarning)
    options = _parser().parse_args(arguments)
    try:
        return preview(options, root)
    except (PreviewError, pulumi.RunError) as error:
        print(str(error), file=sys.stderr)
        return 2


def preview(options: argparse.Namespace, root: Path) -> int:
    """Run the program in `root`, write the plan and the manifests, print the report."""
    started = time.perf_counter()
    plan = stack_plan(options.stack, options.set, root)
    others, files = delivered(plan, options.set, root), manifests.manifests(plan)
    whole = replace(plan, resources=[*plan.resources, *(file.resource for file in others)])
    checked, judged = check_plan(whole), policy.check(whole.resources)
    sections = {
        "Policy": policy.report(judged),
        "Cost per month": cost_report(estimate(whole, price_table(), terms(load(root, options.stack)))),
        "Ends of life": ends_of_life(datetime.datetime.now(datetime.UTC).date()),
    }
    document = json.dumps(plain_plan(plan), indent=2, ensure_ascii=False) + "\n"
    folder: Path = options.out or root / "build" / plan.stack
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(document, encoding="utf-8")
    manifests.write(files, folder / "manifests")
    published.write(others, folder / "manifests")
    lines = [*(f"warning: {line}" for line in plan.warnings), *report(plan, checked, files, sections), ""]
    lines.append(f"{len(plan.resources)} resources, {len(files)} manifest files in {os.path.relpath(folder)}")
    if others:
        lines.append(f"{len(others)} files more for their other owner, which `make manifests` publishes")
    seconds = time.perf_counter() - started
    lines.append(f"{len(checked.failures)} failed checks, {len(judged.failures)} broken rules, {seconds:.1f} s")
    print("\n".join(lines), file=sys.stderr if options.json else sys.stdout)
    if options.json:
        sys.stdout.write(document)
    return 1 if checked.failures or judged.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.preview", description=__doc__)
    parser.add_argument("--stack", required=True, help="the stack to preview: Pulumi.<stack>.yaml")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON on stdout, the rest on stderr")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write the plan (default: build/<stack>)")
    add_settings(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
