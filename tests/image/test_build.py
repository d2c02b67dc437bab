"""The image as a real Docker daemon builds it: what is in it, what a change rebuilds, and that it can be had again."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.image.conftest import Build
from tests.image.container import RIGHTS
from tests.image.docker import ROOT, Docker
from tests.infra.supply_chain.lock import locked
from tests.processes import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PACKAGES, SOURCE, MODELS = -4, -3, -2
"""Our layers; the last is that of WORKDIR, which is empty."""
NAMES = {"packages": PACKAGES, "server": SOURCE, "models": MODELS}
PAGE = ROOT / "docs" / "image.md"


def changed(before: list[str], after: list[str]) -> list[int]:
    """Which layers differ, counted from the last."""
    assert len(before) == len(after)
    return [index - len(before) for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]


def megabytes(docker: Docker, image: str) -> dict[str, float]:
    """Sizes of our layers."""
    rows = docker("history", "--human=false", "--no-trunc", "--format", "{{.Size}} {{.CreatedBy}}", image)
    sizes = [int(row.split()[0]) / 1e6 for row in rows.splitlines() if "COPY /layer/ /" in row]
    return dict(zip(reversed(NAMES), sizes, strict=True))


def run(docker: Docker, image: str, *command: str) -> str:
    program, *arguments = command
    return docker("run", "--rm", "--network=none", f"--entrypoint={program}", image, *arguments)


def test_a_build_without_a_cache_on_another_checkout_makes_the_same_layers(
    docker: Docker, image: str, build: Build, sources: Path
) -> None:
    for path in sources.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1, 1))

    again = build(sources, "inference-test:again", "--no-cache")

    assert changed(docker.layers(image), docker.layers(again)) == []


def test_a_change_of_the_server_rebuilds_one_layer_and_a_model_another(
    docker: Docker, image: str, build: Build, sources: Path
) -> None:
    before = docker.layers(image)
    with (sources / "inference_app" / "health.py").open("a") as file:
        file.write("\nCHANGED = True\n")
    server = docker.layers(build(sources, "inference-test:server"))
    (sources / "inference_app" / "model_repository" / "digits" / "README.md").write_text("Another model.\n")
    model = docker.layers(build(sources, "inference-test:model"))

    assert changed(before, server) == [SOURCE]
    assert changed(server, model) == [MODELS]


def test_the_layers_are_as_small_as_the_page_says(
    docker: Docker, image: str, record_property: Callable[[str, object], None]
) -> None:
    sizes = megabytes(docker, image)
    record_property("megabytes", sizes)
    rows = re.findall(r"^\| (\w+) \|[^|]*\| ([\d.]+) MB \|", PAGE.read_text(), re.MULTILINE)

    assert {name: pytest.approx(float(size), rel=0.1, abs=0.3) for name, size in rows} == sizes  # pyright: ignore[reportUnknownMemberType]


def test_nothing_that_only_an_installation_needs_is_in_our_layers(docker: Docker, image: str) -> None:
    unwanted = ["-name", "pip", "-o", "-name", "tests", "-o", "-name", "requirements-*", "-o", "-name", "training"]

    assert run(docker, image, "find", "/opt/venv", "/app", *unwanted) == ""


def test_everything_is_readable_by_whoever_runs_it_and_owned_by_nobody_who_does(docker: Docker, image: str) -> None:
    strange = ["!", "-user", "root", "-o", "!", "-perm", "-o=r", "-o", "-perm", "/o=w", "!", "-type", "l"]

    assert run(docker, image, "find", "/opt/venv", "/app", *strange) == ""


def test_every_module_of_the_server_is_there_compiled(docker: Docker, image: str) -> None:
    modules = run(docker, image, "find", "/app", "-name", "*.py").splitlines()
    compiled = run(docker, image, "find", "/app", "-name", "*.pyc").splitlines()

    assert len(modules) == len(compiled) > 50


def test_the_packages_are_those_of_the_lock_file(docker: Docker, image: str) -> None:
    listed = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()))"
    found = run(docker, image, "python", "-I", "-c", listed).split()

    assert {each.replace("_", "-").lower() for each in found} == {f"{name}=={it[0]}" for name, it in locked().items()}


def test_the_image_for_gpus_asks_for_nvidias_libraries_and_says_what_is_missing_without(
    docker: Docker, build: Build
) -> None:
    image = build(ROOT, "inference-test:cuda", variant="cuda")
    environment = docker("image", "inspect", image, "--format", "{{.Config.Env}}")

    assert "EXECUTION_PROVIDER=CUDAExecutionProvider" in environment
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in environment
    server = docker("run", "--detach", "--network=none", *RIGHTS, image)
    try:
        until(lambda: "CUDAExecutionProvider" in docker("logs", server), "word of what is missing", 60)
    finally:
        docker("rm", "--force", server)
