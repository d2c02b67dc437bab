"""`python -m infra.smoke --stack prod`: ask every endpoint of a stack, compare with the model's golden output."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.preview import StackFileError, stack_file
from infra.preview.wire import is_map
from infra.smoke import outputs, report
from infra.smoke.errors import InputError
from infra.smoke.run import ask_all
from infra.smoke.verdict import expect

ROOT = Path(__file__).parents[2]
REPOSITORY = Path("inference_app/model_repository")


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Ask once; return 0 when all is right, 1 when an endpoint failed, 2 when the run could not begin."""
    options = _parser().parse_args(arguments)
    try:
        return smoke(options, root)
    except (InputError, StackFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def smoke(options: argparse.Namespace, root: Path) -> int:
    """Ask the endpoints of the stack in `root` and print the verdicts; raises `InputError`."""
    stack = stack_file.load(root, options.stack)
    text = outputs.from_file(options.outputs) if options.outputs else outputs.from_cli(root, options.stack)
    targets = outputs.targets(text, _addresses(options.address), options.only)
    pins = _pins(stack)
    models = {target.model for target in targets}
    expected = {model: expect(root / REPOSITORY, model, pins.get(model)) for model in models}
    verdicts = ask_all(targets, expected, options.timeout, _say)
    print(report.document(verdicts) if options.json else "\n".join(report.table(verdicts)))
    return 1 if any(verdict.reason for verdict in verdicts) else 0


def _pins(stack: stack_file.Stack) -> dict[str, str]:
    """Versions by model, of which a stack file can name one."""
    model = stack.config.get(f"{stack.project}:model")
    return {model["name"]: model["version"]} if is_map(model) and {"name", "version"} <= model.keys() else {}


def _addresses(options: Sequence[str]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    wrong = [option for option, (name, _, address) in zip(options, pairs, strict=True) if not (name and address)]
    if wrong:
        raise InputError(f"--address {wrong[0]}: must be NAME=URL, such as eks=http://127.0.0.1:8080")
    return {name: address for name, _, address in pairs}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 3600 seconds, got {text}")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.smoke", description=__doc__)
    parser.add_argument("--stack", required=True, help="the stack: Pulumi.<stack>.yaml, its endpoints from the CLI")
    parser.add_argument("--outputs", metavar="FILE", help="the outputs from a file (- for stdin) instead of the CLI")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="ask this one only; repeatable")
    parser.add_argument(
        "--address", action="append", default=[], metavar="NAME=URL", help="ask it there, as through a port-forward"
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="S", help="seconds for all of it (default: %(default)g)"
    )
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
