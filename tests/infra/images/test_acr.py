import base64
import re
from collections import Counter
from typing import Any

import pulumi
import pulumi_azure_native as azure
import pytest
import yaml

from infra.images.acr import AcrRepository, AcrRepositoryArgs, purge_steps
from infra.images.model_image import ModelImage, ModelImageArgs, source_tag
from infra.images.registry import BUILD_CACHE_PREFIX
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.settings.image import ImageSettings
from tests.infra.samples import DIGEST, children

REGISTRY, TASK = "azure-native:containerregistry:Registry", "azure-native:containerregistry:Task"


def preview(*, private_links: bool = False, **changes: object) -> Plan:
    settings = ImageSettings.model_validate(changes, strict=False)

    def program() -> None:
        args = AcrRepositoryArgs(
            name="model-server", resource_group_name="platform", settings=settings, private_links=private_links
        )
        registry = AcrRepository("registry", args)
        image = ModelImage("image", ModelImageArgs(settings=settings, registries={"azure": registry}))
        pulumi.export("image", image.refs["azure"])

    return run(program, {})


@pytest.fixture(scope="module")
def built() -> Plan:
    return preview()


def test_the_registry_owns_its_parts_and_every_input_fits_its_schema(built: Plan) -> None:
    assert children(built, "inference:images:AcrRepository") == Counter([REGISTRY, TASK])
    assert [str(failure) for failure in check_plan(built).failures] == []


def test_a_build_logs_in_to_the_registry_it_has_just_made(built: Plan) -> None:
    image = built.one("docker-build:index:Image").inputs
    (login,) = image["registries"]

    assert login["address"] == "${registry.loginServer: string}"
    assert login["password"] == "${secret: string}"
    assert "passwords" not in str(built)
    assert built.one(REGISTRY).inputs["adminUserEnabled"] is True
    assert image["tags"][0].startswith("${registry.loginServer: string}/model-server:cuda-")


def test_an_image_that_ci_pushed_needs_no_user_with_a_password() -> None:
    plan = preview(digest=DIGEST)

    assert plan.one(REGISTRY).inputs["adminUserEnabled"] is False
    assert plan.exports == {"image": f"${{registry.loginServer: string}}/model-server@{DIGEST}"}


@pytest.mark.parametrize("deletes", [True, False])
def test_a_registry_with_images_is_deleted_only_where_that_is_allowed(deletes: bool) -> None:
    assert preview(deleteImages=deletes).one(REGISTRY).protect is not deletes


def test_old_images_go_every_day_and_the_newest_and_the_build_cache_stay(built: Plan) -> None:
    task = built.one(TASK).inputs
    (step,) = yaml.safe_load(base64.b64decode(task["step"]["encodedTaskContent"]))["steps"]
    found: Any = re.search(r"--filter '([a-z-]+):(\S+)' --keep (\d+)", step["cmd"])
    repository, images, keep = found.groups()

    assert (repository, keep) == ("model-server", "20")
    assert re.search(images, source_tag(ImageSettings()))
    assert not re.search(images, f"{BUILD_CACHE_PREFIX}cuda")
    assert "--untagged" in step["cmd"]
    assert task["trigger"]["timerTriggers"][0]["schedule"] == "0 6 * * *"
    assert task["step"]["type"] == "EncodedTask"


def test_the_number_to_keep_is_the_settings() -> None:
    assert "--keep 7 " in purge_steps("model-server", 7)


def test_a_planted_mistake_is_found() -> None:
    wrong: Any = {"name": "Standard", "tire": "Standard"}
    made: list[Any] = []

    plan = run(lambda: made.append(azure.containerregistry.Registry("bad", resource_group_name="g", sku=wrong)), {})

    assert [failure.problem.path for failure in check_plan(plan).failures] == ["sku.tire"]


def test_premium_is_paid_for_only_where_private_endpoints_need_it(built: Plan) -> None:
    linked = preview(private_links=True)

    assert built.one(REGISTRY).inputs["sku"] == {"name": "Standard"}
    assert linked.one(REGISTRY).inputs["sku"] == {"name": "Premium"}
    assert [str(failure) for failure in check_plan(linked).failures] == []
