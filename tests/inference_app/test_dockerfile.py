"""What can be said of the image without building it: it agrees with the contract and with the repository."""

import re
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
    """The lines of one stage."""
    return TEXT.partition(f" AS {name}\n")[2].partition("\nFROM ")[0]


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
    assert "inference_app/ inference_app/" in instructions("COPY")
    assert "--from=source /source /app" in instructions("COPY")


def test_only_what_the_server_does_not_need_stays_out_of_the_image() -> None:
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[1:3] == ["*", "!inference_app"]
    assert ignored[3:] == ["inference_app/Dockerfile*", "inference_app/training", "**/__pycache__", "**/*.pyc"]
    removed = [command for command in instructions("RUN") if command.startswith("rm ")]
    assert removed == ["rm -r inference_app/model_repository inference_app/requirements-*.txt"]


def test_sagemaker_may_choose_the_port_of_both_and_load_models_into_the_one_for_cpus() -> None:
    label = "com.amazonaws.sagemaker.capabilities"
    base, cpu, cuda = (stage(name) for name in ("base", "cpu", "cuda"))
    assert f'{label}.accept-bind-to-port="true"' in base
    assert f'{label}.multi-models="true"' in cpu
    assert "multi-models" not in base + cuda


def test_the_model_comes_last_so_that_a_new_one_rebuilds_one_layer() -> None:
    assert instructions("COPY")[-1] == "inference_app/model_repository/ /app/inference_app/model_repository/"


def test_the_servers_own_source_is_compiled_in_the_image_alike_at_every_build() -> None:
    (command,) = [line for line in stage("source").splitlines() if "compileall" in line]

    assert command.endswith("--invalidation-mode unchecked-hash inference_app")
