import re
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pytest
from pulumi_docker_build import RegistryArgsDict

from infra.images.model_image import ROOT, ModelImage, ModelImageArgs, source_tag
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.settings.image import ImageSettings, Variant

CUDA = ImageSettings()
IMAGE = "docker-build:index:Image"


@dataclass(frozen=True)
class PlainRegistry:
    """A registry of no cloud; without a user it leaves the login to Docker."""

    host: str
    user: str | None = None

    @property
    def repository_url(self) -> pulumi.Output[str]:
        return pulumi.Output.from_input(f"{self.host}/team/model-server")

    def login(self) -> RegistryArgsDict | None:
        return {"address": self.host, "username": self.user, "password": "secret"} if self.user else None


def build(*registries: PlainRegistry, settings: ImageSettings = CUDA) -> Plan:
    def program() -> None:
        by_cloud = {registry.host: registry for registry in registries}
        pulumi.export("refs", ModelImage("image", ModelImageArgs(settings=settings, registries=by_cloud)).refs)

    return run(program, {})


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    # Below a folder of a name that is left out of the image: only names inside the application count.
    root = tmp_path / "training" / "clone"
    for path in ("inference_app/app.py", "inference_app/protocols/v2.py", "inference_app/Dockerfile"):
        write(root, path)
    return root


def write(root: Path, path: str, text: str = "x = 1\n") -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_a_tag_names_the_variant_and_the_content() -> None:
    assert re.fullmatch(r"cuda-[0-9a-f]{12}", source_tag(CUDA))
    assert re.fullmatch(r"cpu-[0-9a-f]{12}", source_tag(ImageSettings(variant=Variant.CPU)))
    assert source_tag(CUDA) == source_tag(CUDA, ROOT)


@pytest.mark.parametrize(
    "path",
    ["inference_app/app.py", "inference_app/protocols/v2.py", "inference_app/Dockerfile", "inference_app/new.py"],
)
def test_a_changed_or_new_file_changes_the_tag(repository: Path, path: str) -> None:
    before = source_tag(CUDA, repository)

    write(repository, path, "x = 2\n")

    assert source_tag(CUDA, repository) != before


def test_another_file_mode_changes_the_tag_as_it_changes_the_image(repository: Path) -> None:
    before = source_tag(CUDA, repository)

    (repository / "inference_app/app.py").chmod(0o755)

    assert source_tag(CUDA, repository) != before


def test_a_renamed_file_changes_the_tag(repository: Path) -> None:
    before = source_tag(CUDA, repository)

    (repository / "inference_app/app.py").rename(repository / "inference_app/main.py")

    assert source_tag(CUDA, repository) != before


@pytest.mark.parametrize(
    "path",
    [
        "inference_app/training/train.py",
        "inference_app/training/deep/train.py",
        "inference_app/__pycache__/app.pyc",
        "inference_app/protocols/__pycache__/v2.pyc",
        "infra/x.py",
        "README.md",
    ],
)
def test_what_is_not_in_the_image_leaves_the_tag_alone(repository: Path, path: str) -> None:
    before = source_tag(CUDA, repository)

    write(repository, path)

    assert source_tag(CUDA, repository) == before


def test_the_base_image_and_the_variant_change_the_tag(repository: Path) -> None:
    tags = {
        source_tag(settings, repository)[-12:]
        for settings in (CUDA, ImageSettings(base="python:3.13"), ImageSettings(variant=Variant.CPU))
    }

    assert len(tags) == 3


def test_how_images_are_kept_leaves_the_tag_alone(repository: Path) -> None:
    kept = ImageSettings.model_validate({"keep": 3, "deleteImages": False})

    assert source_tag(kept, repository) == source_tag(CUDA, repository)


def test_one_build_goes_to_every_registry_under_one_digest() -> None:
    plan = build(PlainRegistry("one.example", "a"), PlainRegistry("two.example", "b"), PlainRegistry("three.example"))
    image = plan.one(IMAGE).inputs

    assert [tag.partition("/")[0] for tag in image["tags"]] == ["one.example", "two.example", "three.example"]
    assert len({tag.rpartition(":")[2] for tag in image["tags"]}) == 1
    assert [login["address"] for login in image["registries"]] == ["one.example", "two.example"]
    assert plan.exports["refs"] == {
        f"{host}.example": f"{host}.example/team/model-server@${{image.digest: string}}"
        for host in ("one", "two", "three")
    }
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_a_given_digest_names_the_image_in_every_registry_and_nothing_is_built() -> None:
    digest = "sha256:" + "2" * 64

    plan = build(PlainRegistry("one.example", "a"), PlainRegistry("two.example"), settings=ImageSettings(digest=digest))

    assert plan.of_type(IMAGE) == []
    assert set(plan.exports["refs"].values()) == {
        f"one.example/team/model-server@{digest}", f"two.example/team/model-server@{digest}",
    }  # fmt: skip
