import asyncio
from typing import Any

import pulumi
import pytest

from infra.managed.sagemaker import live_check
from infra.managed.sagemaker.live_check import LiveCheckError, Patience, Wanted, check, differences
from infra.preview import run
from tests.infra.managed.sagemaker.scripted import IMAGE as NEW
from tests.infra.managed.sagemaker.scripted import Script, described, scripted

ENDPOINT = "platform-test-real-time"
OLD = "registry/model@sha256:old"
OLD_IMAGE = {"DeployedImages": [{"SpecifiedImage": OLD, "ResolvedImage": OLD}]}
WANTED = Wanted(config="new", image=NEW, instances=2)
HURRIED = Patience(poll=0, timeout=60)


async def told(*answers: dict[str, Any], patience: Patience = HURRIED, wanted: Wanted = WANTED) -> str:
    with scripted(Script(answers)) as client, pytest.raises(LiveCheckError) as found:
        await check(client, ENDPOINT, wanted, patience)
    return str(found.value)


async def test_an_endpoint_that_runs_what_was_asked_for_passes() -> None:
    script = Script([described()])
    with scripted(script) as client:
        await check(client, ENDPOINT, WANTED, HURRIED)

    assert script.asked == [("SageMaker.DescribeEndpoint", {"EndpointName": ENDPOINT})]


async def test_an_endpoint_in_service_on_the_old_configuration_is_found_out() -> None:
    text = await told(described(EndpointConfigName="old", variant=OLD_IMAGE, FailureReason="Alarm went off"))

    assert f"endpoint {ENDPOINT} does not run what was asked for:" in text
    assert "\n  - its configuration is old, wanted new\n" in text
    assert f"\n  - its image is {OLD}, wanted {NEW}\n" in text
    assert "\n  - SageMaker says: Alarm went off\n" in text
    assert "/aws/sagemaker/Endpoints/platform-test-real-time" in text
    assert "pulumi up --refresh" in text


async def test_the_right_configuration_with_the_old_image_is_found_out() -> None:
    assert f"- its image is {OLD}, wanted {NEW}" in await told(described(variant=OLD_IMAGE))


async def test_it_is_asked_until_it_settles() -> None:
    script = Script(
        [
            described(EndpointStatus="Updating", EndpointConfigName="old", variant=OLD_IMAGE),
            described(EndpointStatus="InService", PendingDeploymentSummary={"EndpointConfigName": "new"}),
            described(),
        ]
    )
    with scripted(script) as client:
        await check(client, ENDPOINT, WANTED, HURRIED)

    assert len(script.asked) == 3


async def test_one_that_goes_back_while_it_is_watched_is_found_out() -> None:
    text = await told(
        described(EndpointStatus="Updating"),
        described(EndpointStatus="RollingBack"),
        described(EndpointConfigName="old"),
    )

    assert "- its configuration is old, wanted new" in text


async def test_one_that_never_settles_is_given_up() -> None:
    pending = {"EndpointConfigName": "new"}
    text = await told(
        described(EndpointStatus="Updating", PendingDeploymentSummary=pending), patience=Patience(poll=0, timeout=0)
    )

    assert "- its status is Updating, wanted InService" in text
    assert "- an update to new is still under way" in text


async def test_one_that_fails_says_why() -> None:
    text = await told(described(EndpointStatus="Failed", FailureReason="The container did not pass the health check"))

    assert "- its status is Failed, wanted InService" in text
    assert "- SageMaker says: The container did not pass the health check" in text


def test_an_old_reason_alone_is_no_difference() -> None:
    assert differences(WANTED, described(FailureReason="long ago")) == []


def test_a_fixed_number_of_instances_must_be_there() -> None:
    assert differences(WANTED, described(variant={"CurrentInstanceCount": 1})) == ["it has 1 instances, wanted 2"]


def test_of_an_autoscaled_endpoint_the_autoscaler_says_how_many() -> None:
    scaled = Wanted(config="new", image=NEW, instances=None)

    assert differences(scaled, described(variant={"CurrentInstanceCount": 4, "DesiredInstanceCount": 4})) == []
    assert differences(scaled, described(variant={"CurrentInstanceCount": 1})) == ["it has 1 instances, wanted 2"]


def test_a_serverless_endpoint_has_no_number_of_instances() -> None:
    variant = {"VariantName": "AllTraffic", "DeployedImages": [{"SpecifiedImage": NEW}]}

    assert differences(Wanted(config="new", image=NEW, instances=None), described(ProductionVariants=[variant])) == []


def test_an_endpoint_without_a_variant_runs_nothing() -> None:
    assert differences(WANTED, described(ProductionVariants=[])) == ["it has no variant"]


@pytest.mark.parametrize("lies", [False, True])
def test_the_hook_asks_about_the_configuration_that_was_just_applied(
    lies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bindings: list[pulumi.ResourceHookBinding] = []

    def program() -> None:
        image = pulumi.Output.concat("registry/model@", "sha256:new")
        bindings.append(
            live_check.live_check("sagemaker", endpoint=ENDPOINT, region="eu-west-1", image=image, instances=2)
        )

    async def after_update() -> None:
        (hook,) = bindings[0].after_update or []
        inputs = {"endpointConfigName": "new", "endpointName": ENDPOINT}
        done = hook(pulumi.ResourceHookArgs("urn", ENDPOINT, "sagemaker", "endpoint", new_inputs=inputs))
        assert done
        await done

    run(program, {})
    with scripted(Script([described(EndpointConfigName="old" if lies else "new")])) as client:
        monkeypatch.setattr(live_check, "sagemaker_client", {"eu-west-1": client}.__getitem__)
        if not lies:
            asyncio.run(after_update())
            return
        with pytest.raises(LiveCheckError, match="its configuration is old, wanted new"):
            asyncio.run(after_update())
