"""`python -m infra.audit --stack dev`: what `destroy` left behind in the stack's clouds; deletes nothing."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from infra import stack_state
from infra.audit import aws, azure, report
from infra.audit.leftover import Cloud, Findings, look
from infra.audit.subject import Subject
from infra.preview import StackFileError, stack_file
from infra.pulumi_cli import executable
from infra.settings import messages
from infra.settings.aws import AwsSettings
from infra.settings.azure import AzureSettings
from infra.settings.model import Settings, SettingsError
from infra.stack_state import NoStackError, StateError

ROOT = Path(__file__).parents[2]

Block = TypeVar("Block", bound=Settings)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Look once; return 0 when nothing is left, 1 when something is, 2 when not everything could be looked at."""
    options = _parser().parse_args(arguments)
    try:
        stack = stack_file.load(root, options.stack)
        clouds = list(clouds_of(stack))
        owned = frozenset[str]() if options.no_state else owned_names(root, options.stack)
    except (StackFileError, StateError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if owned:
        _say(f"{options.stack} is not destroyed: what its state has is left out, what its clusters run is not")
    findings = without(look(clouds), owned)
    title = f"{stack.project}-{stack.name}"
    print(report.document(findings) if options.json else "\n".join(report.lines(findings, title)))
    if findings.unseen:
        return 2
    return 1 if any(not each.ends for each in findings.leftovers) else 0


def clouds_of(stack: stack_file.Stack) -> Iterator[Cloud]:
    """Where the stack file's blocks say that the stack is; raises `SettingsError` for one that is wrong."""
    subject = Subject(project=stack.project, stack=stack.name)
    if block := _settings(stack, "aws", AwsSettings):
        yield aws.cloud(subject, block)
    if block := _settings(stack, "azure", AzureSettings):
        yield azure.cloud(subject, block)


def owned_names(root: Path, stack: str) -> frozenset[str]:
    """What the state has, by every name, in lower case; nothing of a stack that is not there. Raises `StateError`."""
    try:
        pulumi = executable()
    except Exception as error:
        raise StateError(f"there is no pulumi to read the state with ({error}); --no-state does without") from error
    try:
        return frozenset(name.lower() for each in stack_state.read(pulumi, root, stack) for name in each.names)
    except NoStackError:
        return frozenset()


def without(findings: Findings, owned: frozenset[str]) -> Findings:
    """Those that the state does not have; Azure writes one ID in several ways."""
    left = [each for each in findings.leftovers if owned.isdisjoint(map(str.lower, each.known_as))]
    return replace(findings, leftovers=left)


def _settings(stack: stack_file.Stack, name: str, model: type[Block]) -> Block | None:
    key = f"{stack.project}:{name}"
    if not stack.config.get(key):
        return None
    try:
        return model.model_validate_json(json.dumps(stack.config[key]))
    except ValidationError as invalid:
        mistake = messages.line(invalid.errors()[0], model)
        raise SettingsError(f"Pulumi.{stack.name}.yaml: {key}.{mistake}") from None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.audit", description=__doc__)
    parser.add_argument("--stack", required=True, help="the stack: Pulumi.<stack>.yaml says where to look")
    parser.add_argument("--no-state", action="store_true", help="do not ask Pulumi what the stack still owns")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
