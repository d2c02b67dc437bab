import re
from pathlib import Path

import pulumi
import pytest
from pulumi_docker_build import RegistryArgsDict

from infra.images.model_image import source_tag as model_tag
from infra.images.registry import BUILD_CACHE_PREFIX
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.settings.image import ImageSettings, Variant
from infra.settings.training import TrainingSettings
from infra.training.image import APP, ROOT, SOURCE, TrainingImage, TrainingImageArgs, source_tag

IMAGE = "docker-build:index:Image"
BASE = "python:3.13-slim-trixie"
GIVEN = "registry.example.com/training@sha256:" + "3" * 64


class PlainRegistry:
    """A registry of no cloud."""

    def __init__(self, host: str) -> None:
        self.repository_url = pulumi.Output.from_input(f"{host}/team/model-server")

    def login(self) -> RegistryArgsDict | None:
        return None


def preview(**changes: object) -> Plan:
    settings = TrainingSettings.model_validate(changes)

    def build() -> None:
        registries = {"aws": PlainRegistry("one.example.com"), "azure": PlainRegistry("two.example.com")}
        args = TrainingImageArgs(settings=settings, base=BASE, registries=registries, clouds=[*registries])
        pulumi.export("refs", TrainingImage("training", args).refs)

    return run(build, {})


def test_one_build_is_pushed_to_every_registry_and_named_by_digest() -> None:
    plan = preview()
    image = plan.one(IMAGE)

    assert image.inputs["dockerfile"] == {"location": f"{SOURCE}/Dockerfile"}
    assert [tag.partition(":")[0] for tag in image.inputs["tags"]] == [
        "one.example.com/team/model-server",
        "two.example.com/team/model-server",
    ]
    assert plan.exports["refs"] == {
        "aws": "one.example.com/team/model-server@${training.digest: string}",
        "azure": "two.example.com/team/model-server@${training.digest: string}",
    }
    assert image.inputs["buildOnPreview"] is False
    assert image.options.get("retainOnDelete") is True
    assert [str(failure) for failure in check_plan(plan).failures] == []


@pytest.mark.parametrize(("gpus", "kind"), [(1, "cuda"), (0, "cpu")])
def test_tensorflow_has_cuda_where_a_run_has_a_gpu(gpus: int, kind: str) -> None:
    inputs = preview(gpus=gpus).one(IMAGE).inputs
    (cache,) = inputs["cacheTo"]

    assert inputs["buildArgs"] == {"BASE_IMAGE": BASE, "VARIANT": kind}
    assert re.search(rf":training-{kind}-[0-9a-f]{{12}}$", inputs["tags"][0])
    assert cache["registry"]["ref"].endswith(f":{BUILD_CACHE_PREFIX}training-{kind}")


def test_an_image_that_is_given_is_not_built() -> None:
    plan = preview(image=GIVEN)

    assert plan.of_type(IMAGE) == []
    assert plan.exports["refs"] == {"aws": GIVEN, "azure": GIVEN}


def test_a_changed_training_is_another_tag_and_leaves_the_model_image_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / SOURCE
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / "network.py").write_text("EPOCHS = 30")
    before = source_tag(BASE, Variant.CPU, tmp_path), model_tag(ImageSettings(), tmp_path)
    (folder / "network.py").write_text("EPOCHS = 31")
    after = source_tag(BASE, Variant.CPU, tmp_path), model_tag(ImageSettings(), tmp_path)

    assert before[0] != after[0]
    assert before[1] == after[1]
    assert source_tag(BASE, Variant.CUDA, tmp_path) != after[0] != source_tag("other", Variant.CPU, tmp_path)


def test_what_the_training_writes_with_is_in_both_images(tmp_path: Path) -> None:
    folder = tmp_path / APP / "staging"
    folder.mkdir(parents=True)
    (folder / "files.py").write_text("DRAFT = 1")
    before = source_tag(BASE, Variant.CPU, tmp_path), model_tag(ImageSettings(), tmp_path)
    (folder / "files.py").write_text("DRAFT = 2")
    after = source_tag(BASE, Variant.CPU, tmp_path), model_tag(ImageSettings(), tmp_path)

    assert before[0] != after[0]
    assert before[1] != after[1]
    assert f"COPY {APP}/ {APP}/" in (ROOT / SOURCE / "Dockerfile").read_text()
    assert f"!{APP}" in (ROOT / SOURCE / "Dockerfile.dockerignore").read_text().splitlines()


def test_a_model_that_is_there_already_is_not_in_the_image(tmp_path: Path) -> None:
    model = tmp_path / APP / "model_repository" / "digits" / "model.onnx"
    model.parent.mkdir(parents=True)
    before = source_tag(BASE, Variant.CPU, tmp_path)
    model.write_text("another")

    assert source_tag(BASE, Variant.CPU, tmp_path) == before
    assert f"{APP}/model_repository" in (ROOT / SOURCE / "Dockerfile.dockerignore").read_text().splitlines()


def test_the_build_finds_the_packages_of_each_variant() -> None:
    dockerfile = (ROOT / SOURCE / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (inference_app\S*)", dockerfile, re.MULTILINE)

    assert {kind.value for kind in Variant} == set(re.findall(r"AS packages-(\w+)", dockerfile))
    assert all((ROOT / path).exists() for path in copied)
    requirements = {kind: (ROOT / SOURCE / f"requirements{kind}.txt").read_text() for kind in ("", "-cuda")}
    assert "tensorflow-cpu==" in requirements[""]
    assert "nvidia-cudnn-cu12==" in requirements["-cuda"]
