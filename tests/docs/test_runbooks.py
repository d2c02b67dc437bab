"""What a runbook tells people to run exists, and every runbook is found from the first page."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.audit.aws.removal import COMMANDS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(FOLDER.glob("*.md"))
OPERATING = ("stuck-update", "half-made-stack", "quota-refused", "spot-drought", "expired-credentials", "state-loss")

# https://www.pulumi.com/docs/iac/cli/commands/
PULUMI = frozenset({"cancel", "login", "refresh", "stack export", "stack import", "stack init"})
OTHERS = frozenset({"az login", "curl", "kubectl", "skopeo copy", "aws sso login"})
"""Programs that are not ours, and that no installed package knows."""


def commands(page: Path) -> Iterator[str]:
    for block in re.findall(r"^```console\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
            yield from line.split("  #")[0].split(" && ")


def known(command: str) -> bool:
    words = command.split()
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        return re.search(rf"^{words[1]}:", makefile, re.MULTILINE) is not None
    if words[:2] == ["python", "-m"]:
        module = ROOT / words[2].replace(".", "/")
        return (module / "__main__.py").is_file() or module.with_suffix(".py").is_file()
    if words[0] == "pulumi":
        return bool({words[1], " ".join(words[1:3])} & PULUMI)
    if any(command.startswith(f"{other} ") or command == other for other in OTHERS):
        return True
    return words[0] == "aws" and of_aws(command)


def of_aws(command: str) -> bool:
    """Whether Amazon's own descriptions have the service, the operation and the options."""
    session: Any = importlib.import_module("botocore.session").get_session()
    xform_name: Any = importlib.import_module("botocore").xform_name
    _, service, operation, *_ = command.split()
    model: Any = session.get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        return False
    shape = model.operation_model(names[operation]).input_shape
    options = {xform_name(name, "-") for name in shape.members} | {"force"} if shape else set[str]()
    return set(re.findall(r" --([a-z-]+)", command)) - {"region"} <= options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_runbook_exists(page: Path) -> None:
    assert [command for command in commands(page) if not known(command)] == []


@pytest.mark.parametrize("kind", [kind for kind in COMMANDS if kind != "s3"])
def test_every_command_of_the_audit_exists(kind: str) -> None:
    assert of_aws(f"aws {COMMANDS[kind].format(name='name', arn='arn')} --region eu-west-1")


WRONG = (
    "make oder",
    "python -m infra.audits",
    "pulumi stick export",
    "aws ec2 delete-volumes",
    "aws ec2 delete-volume --volume vol-1",
)


@pytest.mark.parametrize("command", WRONG)
def test_a_command_that_is_wrong_is_seen(command: str) -> None:
    assert not known(command)


@pytest.mark.parametrize("name", OPERATING)
def test_a_runbook_of_operating_says_what_to_do_and_when_it_is_over(name: str) -> None:
    page = (FOLDER / f"{name}.md").read_text(encoding="utf-8")

    assert "## What to do" in page
    assert "## How to know that it is over" in page
    assert len(page.splitlines()) < 80


def test_every_runbook_is_found_from_the_first_page_and_no_link_is_dead() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    links = {page.name: set(re.findall(r"\]\(([a-z./-]+\.md)", page.read_text(encoding="utf-8"))) for page in PAGES}

    assert {page.name for page in PAGES} - {"README.md"} == set(re.findall(r"\(([a-z-]+\.md)\)", index))
    assert [(page, link) for page, found in links.items() for link in found if not (FOLDER / link).is_file()] == []
