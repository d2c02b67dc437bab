import pulumi
import pytest

from infra.images.given import GivenRepository
from infra.images.model_image import ModelImage, ModelImageArgs
from infra.images.registry import Registry
from infra.preview import run
from infra.preview.checks import check_plan
from infra.settings.image import ImageSettings
from tests.infra.samples import DIGEST

REPOSITORY = "registry.example.com:5000/team/model-server"


@pytest.mark.parametrize(("digest", "named"), [(DIGEST, f"{REPOSITORY}@{DIGEST}"), (None, f"{REPOSITORY}@${{image")])
def test_what_runs_is_named_in_the_repository_by_digest(digest: str | None, named: str) -> None:
    def program() -> None:
        registry: Registry = GivenRepository(REPOSITORY)
        image = ModelImage("image", ModelImageArgs(settings=ImageSettings(digest=digest), registries={"it": registry}))
        pulumi.export("image", image.refs["it"])

    plan = run(program, {})

    assert plan.exports["image"].startswith(named)
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_a_push_goes_with_dockers_own_login() -> None:
    def program() -> None:
        registry = GivenRepository(REPOSITORY)
        ModelImage("image", ModelImageArgs(settings=ImageSettings(), registries={"it": registry}))

    pushed = run(program, {}).one("docker-build:index:Image").inputs

    assert pushed["push"] is True
    assert not pushed.get("registries")
