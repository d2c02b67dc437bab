import json
from collections import Counter
from typing import Any

import pulumi
import pytest

from infra.images.ecr import EcrRepository, EcrRepositoryArgs, lifecycle_rules
from infra.images.model_image import ModelImage, ModelImageArgs
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.settings.image import ImageSettings
from tests.infra.samples import DIGEST, children

REPOSITORY, IMAGE = "aws:ecr/repository:Repository", "docker-build:index:Image"


def preview(**changes: object) -> Plan:
    settings = ImageSettings.model_validate(changes, strict=False)

    def program() -> None:
        registry = EcrRepository("registry", EcrRepositoryArgs(name="platform/model-server", settings=settings))
        image = ModelImage("image", ModelImageArgs(settings=settings, registries={"aws": registry}))
        pulumi.export("image", image.refs)

    return run(program, {})


@pytest.fixture(scope="module")
def built() -> Plan:
    return preview()


@pytest.fixture(scope="module")
def pushed(built: Plan) -> Any:
    return built.one(IMAGE).inputs


def test_registry_and_image_own_their_parts(built: Plan) -> None:
    assert children(built, "inference:images:EcrRepository") == Counter(
        [REPOSITORY, "aws:ecr/lifecyclePolicy:LifecyclePolicy"]
    )
    assert children(built, "inference:images:ModelImage") == Counter([IMAGE])
    assert [str(failure) for failure in check_plan(built).failures] == []


def test_images_are_scanned_encrypted_and_their_tags_never_move_but_the_caches(built: Plan, pushed: Any) -> None:
    repository = built.one(REPOSITORY).inputs
    (moving,) = repository["imageTagMutabilityExclusionFilters"]
    cache = pushed["cacheTo"][0]["registry"]["ref"].rpartition(":")[2]

    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    assert repository["encryptionConfigurations"] == [{"encryptionType": "KMS"}]
    assert repository["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert moving == {"filter": "cache-*", "filterType": "WILDCARD"}
    assert cache.startswith("cache-")
    assert not pushed["tags"][0].rpartition(":")[2].startswith("cache-")


def test_untagged_images_go_after_a_day_and_old_ones_past_the_number_to_keep() -> None:
    first, second = lifecycle_rules(keep=7)

    assert (first["selection"]["tagStatus"], first["selection"]["countNumber"]) == ("untagged", 1)
    assert first["selection"]["countUnit"] == "days"
    assert (second["selection"]["countType"], second["selection"]["countNumber"]) == ("imageCountMoreThan", 7)
    assert first["rulePriority"] < second["rulePriority"]
    assert [rule["action"] for rule in (first, second)] == [{"type": "expire"}] * 2


def test_the_policy_is_the_repositorys_own(built: Plan) -> None:
    policy = built.one("aws:ecr/lifecyclePolicy:LifecyclePolicy").inputs

    assert policy["repository"] == "platform/model-server"
    assert len(json.loads(policy["policy"])["rules"]) == 2


@pytest.mark.parametrize("deletes", [True, False])
def test_a_registry_with_images_is_deleted_only_where_that_is_allowed(deletes: bool) -> None:
    registry = preview(deleteImages=deletes).one(REPOSITORY)

    assert registry.inputs["forceDelete"] is deletes
    assert registry.protect is not deletes


def test_the_password_of_a_push_is_a_secret(built: Plan, pushed: Any) -> None:
    (login,) = pushed["registries"]

    assert login["password"] == "${secret: string}"
    assert login["username"] == "${aws:ecr/getAuthorizationToken.userName: string}"
    assert login["address"] == "${registry.repositoryUrl: string}"
    assert "getAuthorizationToken.password" not in str(built)


def test_a_build_is_for_amd64_from_the_servers_dockerfile_and_only_by_up(pushed: Any) -> None:
    assert pushed["dockerfile"] == {"location": "inference_app/Dockerfile"}
    assert pushed["context"] == {"location": "."}
    assert pushed["platforms"] == ["linux/amd64"]
    assert pushed["push"] is True
    assert pushed["buildOnPreview"] is False
    assert pushed["buildArgs"] == {"BASE_IMAGE": "python:3.13-slim-trixie", "VARIANT": "cuda"}


def test_a_built_image_is_named_by_the_digest_that_the_push_returns(built: Plan) -> None:
    assert built.exports == {"image": {"aws": "${registry.repositoryUrl: string}@${image.digest: string}"}}


def test_an_image_that_leaves_the_program_stays_in_the_registry(built: Plan) -> None:
    assert built.one(IMAGE).options["retainOnDelete"] is True


def test_a_given_digest_is_not_built_and_asks_for_no_credentials() -> None:
    plan = preview(digest=DIGEST)

    assert plan.exports == {"image": {"aws": f"${{registry.repositoryUrl: string}}@{DIGEST}"}}
    assert plan.of_type(IMAGE) == []
    assert "getAuthorizationToken" not in str(plan)
