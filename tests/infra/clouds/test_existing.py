from pathlib import Path
from typing import Any

import pytest

from infra.clouds.cloud import Cloud, Stack
from infra.clouds.existing import Existing
from infra.clusters.draining import Drains
from infra.images.model_image import ModelImage, ModelImageArgs
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.settings.existing import ExistingSettings
from infra.settings.image import ImageSettings
from infra.settings.stack import StackSettings
from tests.infra.samples import DIGEST

REPOSITORY = "registry.example.com/team/model-server"
SETTINGS = ExistingSettings.model_validate_json(
    '{"context": "lab", "networkCidr": "10.8.0.0/16", "storageClass": "encrypted"}'
)


@pytest.fixture(autouse=True)
def machine_without_clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)


def in_cloud(image: ImageSettings | None) -> tuple[Plan, dict[str, Any]]:
    seen: dict[str, Any] = {}

    def program() -> None:
        stack = Stack(
            settings=StackSettings.model_construct(image=image), name="platform-test", tags={}, drains=Drains()
        )
        cloud: Cloud = Existing(stack, SETTINGS)
        seen.update(name=cloud.name, registry=cloud.registry, clusters=cloud.clusters())
        seen["endpoints"] = cloud.endpoints("image", [])

    return run(program, {}), seen


def test_it_is_one_cluster_and_nothing_else() -> None:
    plan, seen = in_cloud(None)

    assert [cluster.name for cluster in seen["clusters"]] == ["existing"] == [seen["name"]]
    assert seen["endpoints"] == {}
    assert seen["registry"] is None
    assert {resource.package for resource in plan.resources if resource.custom} == {"kubernetes"}
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_its_registry_is_the_repository_that_the_settings_name() -> None:
    _, seen = in_cloud(ImageSettings(repository=REPOSITORY))

    assert seen["registry"].login() is None


def test_the_image_is_built_into_that_repository() -> None:
    image = ImageSettings(repository=REPOSITORY)

    def program() -> None:
        stack = Stack(
            settings=StackSettings.model_construct(image=image), name="platform-test", tags={}, drains=Drains()
        )
        registry = Existing(stack, SETTINGS).registry
        assert registry is not None
        ModelImage("image", ModelImageArgs(settings=image, registries={"existing": registry}))

    pushed = run(program, {}).one("docker-build:index:Image").inputs

    assert pushed["tags"][0].rpartition(":")[0] == REPOSITORY
    assert not pushed.get("registries")
    assert DIGEST not in str(pushed)
