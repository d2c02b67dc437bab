from pathlib import Path

import pytest

from infra.pulumi_cli import main


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a stand-in for the CLI, alone on PATH with one for AWS's, writes its arguments."""
    log = tmp_path / "calls"
    for name in ("pulumi", "aws"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$@" >> {log}\n', encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return log


def test_destroy_always_runs_the_program_on_the_stack_that_was_named(calls: Path) -> None:
    assert main(["destroy", "--stack", "dev", "--yes"]) == 0

    assert calls.read_text(encoding="utf-8").splitlines() == [
        "stack select --create dev",
        "destroy --stack dev --run-program --yes",
    ]


def test_an_unknown_stack_is_one_line_and_exit_code_2(calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--stack", "live"]) == 2

    line = "error: no stack 'live': there is no Pulumi.live.yaml; the stacks are dev, prod\n"
    assert capsys.readouterr().err == line
    assert not calls.exists()


def test_without_the_aws_cli_nothing_is_started(calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (calls.parent / "aws").unlink()

    assert main(["up", "--stack", "dev"]) == 2
    assert "the AWS CLI is not on PATH" in capsys.readouterr().err
    assert not calls.exists()
