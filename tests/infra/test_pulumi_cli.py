import json
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
    monkeypatch.setattr(pulumi_cli, "ENVIRONMENT", tmp_path / ".venv-policy")
    (tmp_path / ".venv-policy/bin").mkdir(parents=True)
    (tmp_path / ".venv-policy/bin/python").touch()

    def put(*names: str, exit_code: int = 0) -> Path:
        for name in names:
            (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $@" >> {log}\nexit {exit_code}\n', encoding="utf-8")
            (tmp_path / name).chmod(0o755)
        return log

    return put


def record(name: str, kind: str, *, of: str, protect: bool = False) -> dict[str, object]:
    """A resource as a state has it."""
    urn = f"urn:pulumi:dev::inference-platform::inference:{of}${kind}::{name}"
    return {"urn": urn, "type": kind, "custom": True, "id": name, "protect": protect}


FILES = record("eks-files", "aws:efs/fileSystem:FileSystem", of="clusters:EksCluster")
IMAGES = record("ecr", "aws:ecr/repository:Repository", of="images:EcrRepository")
TOPIC = record("alarms", "aws:sns/topic:Topic", of="managed:AlarmTopic")


def keep(folder: Path, *resources: dict[str, object]) -> Path:
    """Put a CLI with that state on PATH; the file where it writes its arguments."""
    log, state = folder / "calls", json.dumps({"version": 3, "deployment": {"resources": resources}})
    script = f"""#!/bin/sh
echo "pulumi $@" >> {log}
[ "$2" != export ] || echo '{state}'
"""
    for name in ("pulumi", "aws"):
        (folder / name).write_text(script, encoding="utf-8")
        (folder / name).chmod(0o755)
    return log


def ran(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").splitlines()


BEFORE_DESTROY = ["pulumi stack select dev", "pulumi stack export --stack dev"]


@pytest.mark.usefixtures("path")
def test_destroy_always_runs_the_program_on_the_stack_that_was_named(tmp_path: Path) -> None:
    calls = keep(tmp_path)

    assert main(["destroy", "--stack", "dev", "--yes"]) == 0
    assert ran(calls) == [*BEFORE_DESTROY, "pulumi destroy --stack dev --run-program --yes"]


@pytest.mark.usefixtures("path")
def test_destroy_says_first_which_data_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, FILES, TOPIC, IMAGES)

    assert main(["destroy", "--stack", "dev"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "destroy deletes dev's data for good:",
        "  FileSystem eks-files: shared files",
        "  Repository ecr: images",
    ]


@pytest.mark.usefixtures("path")
def test_destroy_of_what_is_protected_does_not_begin_and_names_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {**TOPIC, "protect": True}
    calls = keep(tmp_path, {**FILES, "protect": True}, {**IMAGES, "protect": True}, own)

    assert main(["destroy", "--stack", "dev"]) == 2

    assert capsys.readouterr().err.splitlines() == [
        "error: dev is protected, and nothing was deleted:",
        "  FileSystem eks-files: eks.deletionProtection: false",
        "  Repository ecr: image.deleteImages: true",
        f"  Topic alarms: pulumi state unprotect '{own['urn']}'",
        "To delete it all the same, set eks.deletionProtection: false, image.deleteImages: true in Pulumi.dev.yaml and "
        "run `make up STACK=dev`, then destroy again.",
    ]
    assert ran(calls) == BEFORE_DESTROY


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("option", [["--exclude-protected"], ["--target", "urn"], ["--target=urn"]])
def test_destroy_of_a_part_is_left_to_the_engine(tmp_path: Path, option: list[str]) -> None:
    calls = keep(tmp_path, {**FILES, "protect": True})

    assert main(["destroy", "--stack", "dev", *option]) == 0
    assert ran(calls)[-1] == f"pulumi destroy --stack dev --run-program {' '.join(option)}"


def test_a_state_that_cannot_be_read_stops_destroy(
    path: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    calls = path("pulumi", "aws")

    assert main(["destroy", "--stack", "dev"]) == 2
    assert capsys.readouterr().err == "error: what `pulumi stack export` printed is no state\n"
    assert ran(calls) == BEFORE_DESTROY


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
        "pulumi up --stack local --policy-pack infra/policy/pack",
    ]


def test_no_stack_is_changed_without_its_policies(
    path: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = path("pulumi", "docker")
    (tmp_path / ".venv-policy/bin/python").unlink()

    assert main(["up", "--stack", "local"]) == 2

    line = "error: the policy pack has no environment: run `make .venv-policy/installed`\n"
    assert capsys.readouterr().err == line
    assert calls.read_text(encoding="utf-8").splitlines() == ["docker version"]


def test_drift_reads_the_clouds_changes_nothing_and_makes_no_stack(path: Callable[..., Path]) -> None:
    calls = path("pulumi", "aws")

    assert main(["drift", "--stack", "dev"]) == 0
    assert ran(calls) == [
        "pulumi stack select dev",
        "pulumi preview --stack dev --refresh --expect-no-changes --diff",
    ]


def test_a_stack_that_drifted_gives_the_engines_exit_code(tmp_path: Path, path: Callable[..., Path]) -> None:
    path("aws")
    (tmp_path / "pulumi").write_text('#!/bin/sh\n[ "$1" != preview ] || exit 7\n', encoding="utf-8")
    (tmp_path / "pulumi").chmod(0o755)

    assert main(["drift", "--stack", "dev"]) == 7
