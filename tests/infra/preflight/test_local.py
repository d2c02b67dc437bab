from pathlib import Path

import pytest

from infra.preflight import local
from infra.preflight.answer import Status
from tests.infra.preflight.conftest import Ask
from tests.infra.preflight.plans import amazon as account
from tests.infra.preflight.plans import plan, resource

BUILT = resource("docker-build:index:Image", "image")


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, name: str, line: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def test_a_program_that_the_plan_needs_and_the_machine_lacks_fails(programs: Path, ask: Ask) -> None:
    found = ask(local.section(account()))["programs"]
    assert (found.status, found.found) == (
        Status.FAILED,
        "eks needs aws on PATH: the cluster's kubeconfig asks it for tokens",
    )

    program(programs, "aws", "exit 0")

    assert ask(local.section(account()))["programs"].status is Status.OK


def test_a_stack_that_builds_its_image_needs_a_builder(programs: Path, ask: Ask) -> None:
    absent = ask(local.section(plan(BUILT)))["Docker builds images"]
    program(programs, "docker", "echo 'no daemon' >&2; exit 1")
    stopped = ask(local.section(plan(BUILT)))["Docker builds images"]
    program(programs, "docker", "exit 0")
    running = ask(local.section(plan(BUILT)))["Docker builds images"]

    assert [each.status for each in (absent, stopped, running)] == [Status.FAILED, Status.FAILED, Status.OK]
    assert stopped.found == "no daemon"


@pytest.mark.usefixtures("programs")
def test_a_stack_that_builds_nothing_needs_no_docker(ask: Ask) -> None:
    assert list(ask(local.section(plan()))) == ["programs"]
