"""What CI builds and pushes is what the program deploys: one digest, from the registry to the pods."""

import re
import runpy
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from infra.preview import run
from infra.preview.manifests import manifests
from tests.image.container import container
from tests.image.docker import ROOT, Docker
from tests.registry import PROGRAM, registry

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"{PROGRAM} needed: install Debian's package"),
]


@pytest.fixture(scope="module")
def pushed(docker: Docker, image: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The image in a registry, by digest."""
    with registry(tmp_path_factory.mktemp("registry") / "images") as found:
        repository = f"{found.address}/team/model-server"
        docker("tag", image, f"{repository}:cpu")
        said = docker("push", f"{repository}:cpu")
        (digest,) = re.findall(r"digest: (sha256:[0-9a-f]{64})", said)
        docker("image", "rm", f"{repository}:cpu")
        yield f"{repository}@{digest}"


def test_the_manifests_name_the_digest_that_was_pushed(
    pushed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    repository, _, digest = pushed.partition("@")
    config: dict[str, Any] = {
        "existing": {"context": "it", "networkCidr": "10.48.0.0/16", "storageClass": "encrypted"},
        "image": {"repository": repository, "digest": digest, "variant": "cpu"},
        "model": {"name": "digits"},
        "serving": {"gpus": 0},
    }

    def program() -> None:
        runpy.run_path(str(ROOT / "__main__.py"))

    plan = run(program, config, "it")
    images = set(re.findall(rf"image: ({re.escape(repository)}\S+)", "\n".join(each.text for each in manifests(plan))))

    assert images == {pushed}
    assert not [each for each in plan.resources if each.type == "docker-build:index:Image"]


def test_a_container_of_that_digest_is_pulled_and_answers(docker: Docker, pushed: str) -> None:
    with container(docker, pushed) as server:
        assert all(answer.right for answer in server.answers())
