"""The image of the training Job, with all that it needs to train."""

import pytest

from tests.image.container import RIGHTS
from tests.image.docker import ROOT, Docker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def image(docker: Docker, base: str) -> str:
    tag, file = "inference-test:training", "inference_app/training/Dockerfile"
    options = [f"--file={ROOT / file}", f"--build-arg=BASE_IMAGE={base}", f"--tag={tag}"]
    docker("build", "--network=host", *options, ROOT, timeout=600)
    return tag


def run(docker: Docker, *command: str) -> str:
    return docker("run", "--rm", "--network=none", "--tmpfs=/tmp", *RIGHTS, *command)


def test_a_command_of_training_runs_with_as_few_rights_as_a_job_has(docker: Docker, image: str) -> None:
    command = ["data", "--from", "sklearn:digits", "--into", "/tmp/data"]

    told = run(docker, image, *command)

    assert "Wrote /tmp/data: 1,797 examples" in told


@pytest.mark.parametrize("module", ["tensorflow", "ai_edge_litert.interpreter", "tf2onnx", "onnxruntime", "sklearn"])
def test_what_trains_and_exports_can_be_imported(docker: Docker, image: str, module: str) -> None:
    run(docker, "--entrypoint=python", image, "-c", f"import {module}")
