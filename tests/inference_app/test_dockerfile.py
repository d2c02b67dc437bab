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


def test_the_container_runs_as_the_contracts_user_and_group() -> None:
    assert instructions("USER") == [f"{contract.USER_ID}:{contract.USER_ID}"]


def test_the_container_listens_on_the_contracts_port() -> None:
    assert instructions("EXPOSE") == [str(contract.PORT)]
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


def test_every_python_folder_the_server_needs_is_copied() -> None:
    copied = " ".join(instructions("COPY"))
    folders = {path.parent for path in FOLDER.rglob("*.py")} - {FOLDER}
    served = {folder.relative_to(ROOT) for folder in folders if "training" not in folder.parts}
    assert [str(folder) for folder in served if f"{folder}/ {folder}/" not in copied] == []


def test_the_model_comes_last_so_that_a_new_one_rebuilds_one_layer() -> None:
    assert instructions("COPY")[-1] == "inference_app/model_repository/ /app/inference_app/model_repository/"
