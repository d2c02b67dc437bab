"""`python -m infra.preflight --stack prod`: ask the clouds, before `up`, whether they would give what it takes."""

import argparse
import sys
from pathlib import Path

import pulumi

from infra.preflight import report, stack
from infra.preflight.answer import Status
from infra.preflight.run import Findings, ask_all
from infra.preview import PreviewError

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Ask everything once; return 0, 1 when something failed, 2 when it could not be asked for want of credentials.

    2 is also for a stack that cannot be previewed.
    """
    options = _parser().parse_args(arguments)
    try:
        _say(f"previewing {options.stack}")
        sections = stack.sections(options.stack, root)
    except (PreviewError, pulumi.RunError) as error:
        print(str(error), file=sys.stderr)
        return 2
    findings = ask_all(sections, options.timeout, _say)
    print(report.document(options.stack, findings) if options.json else "\n".join(report.table(findings)))
    return _exit_code(findings)


def _exit_code(findings: list[Findings]) -> int:
    if not all(each.signed_in for each in findings):
        return 2
    return 1 if any(answer.status is Status.FAILED for each in findings for answer in each.answers) else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 3600 seconds, got {text}")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.preflight", description=__doc__)
    parser.add_argument("--stack", required=True, help="the stack to ask for: Pulumi.<stack>.yaml")
    parser.add_argument(
        "--timeout", type=_seconds, default=180.0, metavar="S", help="seconds for all of it (default: %(default)g)"
    )
    parser.add_argument("--json", action="store_true", help="print the answers as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
