from collections.abc import Callable
from pathlib import Path

import pytest

from infra import pulumi_cli
from infra.pulumi_cli import PROGRAMS, main, missing

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put stand-ins, and nothing else, on PATH; the file where they write their name and arguments."""
    log = tmp_path / "calls"
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(*names: str, exit_code: int = 0) -> Path:
        for name in names:
            (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $@" >> {log}\nexit {exit_code}\n', encoding="utf-8")
            (tmp_path / name).chmod(0o755)
        return log

    return put


def test_destroy_always_runs_the_program_on_the_stack_that_was_named(path: Callable[..., Path]) -> None:
    calls = path("pulumi", "aws", "az", "kubelogin")

    assert main(["destroy", "--stack", "dev", "--yes"]) == 0

    assert calls.read_text(encoding="utf-8").splitlines() == [
        "pulumi stack select --create dev",
        "pulumi destroy --stack dev --run-program --yes",
    ]


def test_an_unknown_stack_is_one_line_and_exit_code_2(
    path: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    calls = path("pulumi")
    stacks = sorted(file.name.split(".")[1] for file in ROOT.glob("Pulumi.*.yaml"))

    assert main(["up", "--stack", "live"]) == 2

    line = f"error: no stack 'live': there is no Pulumi.live.yaml; the stacks are {', '.join(stacks)}\n"
    assert capsys.readouterr().err == line
    assert not calls.exists()


def test_without_what_its_kubeconfig_calls_nothing_is_started(
    path: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    calls = path("pulumi")

    assert main(["up", "--stack", "dev"]) == 2
    assert "error: eks needs aws on PATH: the cluster's kubeconfig asks it for tokens" in capsys.readouterr().err
    assert not calls.exists()


@pytest.mark.parametrize("block", PROGRAMS)
def test_a_block_asks_for_its_own_programs_and_no_others(path: Callable[..., Path], block: str) -> None:
    assert len(list(missing(["model", block]))) == len(PROGRAMS[block])

    path(*PROGRAMS[block])

    assert list(missing(["model", block])) == []


def test_a_stack_without_clusters_asks_for_nothing(path: Callable[..., Path]) -> None:
    path()

    assert list(missing(["aws", "azure", "sagemaker", "model", "image"])) == []


def test_a_docker_client_without_its_daemon_is_not_enough(path: Callable[..., Path]) -> None:
    path("docker", exit_code=1)

    (line,) = missing(["local"])

    assert line.startswith("local needs a Docker daemon, and `docker version` reaches none")


def test_the_cli_on_path_is_used_and_none_is_installed(
    path: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = path("pulumi", "docker")
    monkeypatch.setattr(pulumi_cli, "PulumiCommand", None)

    assert main(["up", "--stack", "local"]) == 0
    assert calls.read_text(encoding="utf-8").splitlines() == [
        "docker version",
        "pulumi stack select --create local",
        "pulumi up --stack local",
    ]
