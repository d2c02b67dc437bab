"""What can be said of the image without building it: it agrees with the contract and with the repository."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from inference_app import contract

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "inference_app"
TEXT = (FOLDER / "Dockerfile").read_text()


def instructions(name: str) -> list[str]:
    """The arguments of every instruction of this name, continuation lines joined."""
    joined = TEXT.replace("\\\n", " ")
    return [" ".join(line.split()[1:]) for line in joined.splitlines() if line.startswith(f"{name} ")]


def stage(name: str) -> str:
    """The instructions of one stage."""
    lines = TEXT.partition(f" AS {name}\n")[2].partition("\nFROM ")[0].splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def test_the_container_runs_as_the_contracts_user_and_group() -> None:
    assert instructions("USER") == [f"{contract.USER_ID}:{contract.USER_ID}"]


def test_the_container_listens_on_the_contracts_ports() -> None:
    assert instructions("EXPOSE") == [f"{contract.PORT} {contract.GRPC_PORT}"]
    assert f"PORT={contract.PORT}" in " ".join(instructions("ENV"))


def test_environment_variables_of_the_server_are_the_contracts() -> None:
    names = set(re.findall(r"(\w+)=", " ".join(instructions("ENV"))))
    others = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    assert {name for name in names if not name.startswith("NVIDIA_")} - others <= set(contract.Env)


def test_the_health_check_asks_the_contracts_path() -> None:
    assert f"}}{contract.Route.HEALTH}'" in instructions("HEALTHCHECK")[0]


def test_signals_reach_the_server_because_no_shell_stands_between() -> None:
    assert instructions("ENTRYPOINT") == ['["python", "-m", "inference_app"]']


@pytest.mark.parametrize("variant", ["cpu", "cuda"])
def test_each_variant_has_a_stage_a_provider_and_locked_requirements(variant: str) -> None:
    assert f"base AS {variant}" in instructions("FROM")
    assert f"EXECUTION_PROVIDER={variant.upper()}ExecutionProvider" in " ".join(instructions("ENV"))
    requirements = (FOLDER / f"requirements-{variant}.txt").read_text()
    assert "--hash=sha256:" in requirements


def test_the_server_is_copied_whole_so_that_a_new_folder_needs_no_line_here() -> None:
    assert "inference_app/ /layer/app/inference_app/" in instructions("COPY")


def test_only_what_the_server_does_not_need_stays_out_of_the_image() -> None:
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[1:3] == ["*", "!inference_app"]
    assert ignored[3:] == ["inference_app/Dockerfile*", "inference_app/training", "**/__pycache__", "**/*.pyc"]
    removed = re.findall(r"rm -r (/layer.*?) &&", " ".join(instructions("RUN")))
    assert removed == ["/layer/app/inference_app/model_repository /layer/app/inference_app/requirements-*.txt"]


def test_sagemaker_may_choose_the_port_of_both_and_load_models_into_the_one_for_cpus() -> None:
    label = "com.amazonaws.sagemaker.capabilities"
    base, cpu, cuda = (stage(name) for name in ("base", "cpu", "cuda"))
    assert f'{label}.accept-bind-to-port="true"' in base
    assert f'{label}.multi-models="true"' in cpu
    assert "multi-models" not in base + cuda


def test_the_model_comes_last_so_that_a_new_one_rebuilds_one_layer() -> None:
    assert [line for line in instructions("COPY") if line.endswith(" /layer/ /")] == [
        f"--from={name} /layer/ /" for name in ("packages", "source", "models")
    ]


@pytest.mark.parametrize("name", ["packages", "source"])
def test_what_is_python_is_compiled_alike_at_every_build(name: str) -> None:
    (command,) = [line for line in stage(name).splitlines() if "compileall" in line]

    assert "--invalidation-mode unchecked-hash" in command


@pytest.mark.parametrize("name", ["packages", "source", "models"])
def test_every_layer_has_one_date_and_one_mode(name: str) -> None:
    assert (
        stage(name)
        .rstrip()
        .splitlines()[-1]
        .endswith("chmod -R u=rwX,go=rX /layer && find /layer -exec touch --no-dereference --date=@0 {} +")
    )


@pytest.mark.parametrize(
    "path", [FOLDER / "Dockerfile", FOLDER / "training" / "Dockerfile"], ids=["server", "training"]
)
def test_hadolint_has_nothing_to_say(path: Path) -> None:
    """Ignored rules have their reason beside them in the file."""
    assert hadolint(path) == []


def test_hadolint_sees_what_is_wrong(tmp_path: Path) -> None:
    planted = tmp_path / "Dockerfile"
    planted.write_text("FROM debian\nRUN cd /tmp && sudo true\n")

    assert {"DL3003", "DL3004", "DL3006"} <= set(hadolint(planted))


def hadolint(path: Path) -> list[str]:
    """Codes of what it finds, of any severity (https://github.com/hadolint/hadolint#rules)."""
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, "--no-fail", "--format", "json", path], check=True, capture_output=True, text=True)
    return [finding["code"] for finding in json.loads(done.stdout)]
