"""A checkout with a stack that was destroyed, and clouds that may hold what it left."""

import importlib
import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

from infra.audit.__main__ import main
from infra.preflight.aws import client

ACCOUNT, REGION = "123456789012", "eu-west-1"
SUBSCRIPTION, TENANT = "00000000-0000-0000-0000-000000000011", "00000000-0000-0000-0000-000000000002"
STACK = {"project": "p", "stack": "dev"}
NO_STACK = "echo \"error: no stack named 'dev' found\" >&2; exit 6"


class Run(NamedTuple):
    """What a run printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def found(self) -> set[tuple[str, str]]:
        """Kind and name of what counts."""
        leftovers = json.loads(self.out)["leftovers"]
        return {(each["kind"], each["name"]) for each in leftovers if not each["ends"]}


Audit = Callable[..., Run]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A program whose stack `dev` is in AWS."""
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n", encoding="utf-8")
    return put_stack(tmp_path, f'  p:aws: {{region: {REGION}, accountId: "{ACCOUNT}"}}\n')


def put_stack(folder: Path, blocks: str) -> Path:
    """Write the stack file."""
    (folder / "Pulumi.dev.yaml").write_text(f"config:\n{blocks}", encoding="utf-8")
    return folder


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    return folder


def put_program(folder: Path, name: str, script: str) -> None:
    """Put a shell script on PATH."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


@pytest.fixture
def audit(checkout: Path, programs: Path, capsys: pytest.CaptureFixture[str]) -> Audit:
    """Runs the command; the state is `state`, and `pulumi` what the CLI does without one."""

    def run(*arguments: str, state: list[dict[str, Any]] | None = None, pulumi: str = NO_STACK) -> Run:
        exported = json.dumps({"deployment": {"resources": state}})
        put_program(programs, "pulumi", pulumi if state is None else f"echo '{exported}'")
        code = main(["--stack", "dev", *arguments], checkout)
        printed = capsys.readouterr()
        return Run(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def session() -> Any:
    """One for all tests: it keeps the descriptions of services, whose reading takes longer than a test."""
    importlib.import_module("moto")  # before the session, which it reaches into
    boto3: Any = importlib.import_module("boto3")
    return boto3.Session("testing", "testing", region_name=REGION)


@pytest.fixture
def amazon(session: Any, monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[[str], Any]]:
    """Clients of an account that holds nothing, by service."""
    moto: Any = importlib.import_module("moto")
    monkeypatch.setattr(client, "session", mock.Mock(return_value=session))
    with moto.mock_aws():
        yield session.client


def tags(**more: str) -> list[dict[str, str]]:
    """The stack's, and more."""
    return [{"Key": key, "Value": value} for key, value in {**STACK, **more}.items()]
