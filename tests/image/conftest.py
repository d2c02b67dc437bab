"""One daemon, one base and one image for all tests; `make image-test` runs them in one process."""

import shutil
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.image import base as bases
from tests.image.docker import ROOT, Docker, absent, daemon

LEFT_OUT = shutil.ignore_patterns("__pycache__", "training")
Build = Callable[..., str]


@pytest.fixture(scope="session")
def docker() -> Generator[Docker]:
    if reason := absent():
        pytest.skip(reason)
    with daemon() as found:
        yield found


@pytest.fixture(scope="session")
def base(docker: Docker) -> str:
    return bases.base(docker)


@pytest.fixture(scope="session")
def build(docker: Docker, base: str) -> Build:
    """`make image` in a folder with the repository's sources; the tag that it gave."""

    def made(folder: Path, tag: str, *options: str, variant: str = "cpu") -> str:
        settings = {
            "DOCKER": docker.client,
            "BASE_IMAGE": base,
            "TAG": tag,
            "VARIANT": variant,
            "BUILD_OPTIONS": " ".join(["--network=host", *options]),
        }
        command = ["make", "--no-print-directory", "image", *(f"{name}={value}" for name, value in settings.items())]
        done = subprocess.run(command, cwd=folder, env=docker.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return tag

    return made


@pytest.fixture(scope="session")
def image(build: Build) -> str:
    return build(ROOT, "inference-test:cpu")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The repository's sources in a folder of their own."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "inference_app", tmp_path / "inference_app", ignore=LEFT_OUT)
    return tmp_path
