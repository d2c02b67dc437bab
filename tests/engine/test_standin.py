"""The stand-in by itself, asked as the engine would ask it; needs no CLI."""

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from infra.preview.wire import UNKNOWN, Plain, Secret, decode_struct, encode
from tests.engine.standin import forms, rules
from tests.engine.standin.clouds import Clouds, Operation, RefusedError
from tests.engine.standin.servicer import StandIn

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
AGENT_POOL = "azure-native:containerservice:AgentPool"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP: dict[str, Plain] = {
    "clusterName": "eks",
    "nodeRoleArn": "arn:aws:iam::111122223333:role/node",
    "subnetIds": ["subnet-1"],
    "scalingConfig": {"minSize": 0, "desiredSize": 0, "maxSize": 2},
}


class Context:
    """The engine's end of a call."""

    def abort(self, code: object, message: str) -> None:
        """Hand the refusal to the test."""
        del code
        raise RefusedError(message)


@pytest.fixture
def clouds() -> Clouds:
    return Clouds()


@pytest.fixture
def provider(clouds: Clouds) -> StandIn:
    return StandIn(clouds)


def urn(type_: str, name: str = "made") -> str:
    return f"urn:pulumi:test::inference-platform::{type_}::{name}"


def failures(provider: StandIn, type_: str, inputs: dict[str, Plain]) -> list[str]:
    request = provider_pb2.CheckRequest(urn=urn(type_), type=type_, news=encode(inputs))
    return [f"{each.property}: {each.reason}" for each in provider.Check(request, Context()).failures]


def create(provider: StandIn, type_: str, inputs: dict[str, Plain], *, preview: bool = False) -> Any:
    request = provider_pb2.CreateRequest(urn=urn(type_), type=type_, properties=encode(inputs), preview=preview)
    return provider.Create(request, Context())


def difference(provider: StandIn, type_: str, old: dict[str, Plain], new: dict[str, Plain]) -> Any:
    request = provider_pb2.DiffRequest(urn=urn(type_), type=type_, old_inputs=encode(old), news=encode(new))
    return provider.Diff(request, Context())


def test_what_the_sdk_types_is_taken(provider: StandIn) -> None:
    assert failures(provider, NODE_GROUP, GROUP) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"instanceType": "g6.xlarge"}, "instanceType: unknown key of NodeGroupArgs"),
        ({"instanceTypes": "g6.xlarge"}, "instanceTypes: must be a list"),
        ({"subnetIds": None}, "subnetIds: required by NodeGroupArgs"),
    ],
)
def test_what_the_sdk_does_not_type_is_refused(change: dict[str, Plain], expected: str, provider: StandIn) -> None:
    (found,) = failures(provider, NODE_GROUP, {**GROUP, **change})

    assert found.startswith(expected)


def test_a_type_of_no_sdk_is_refused_but_for_custom_resources(provider: StandIn) -> None:
    assert failures(provider, "aws:eks/nodeGroup:NodeGroups", GROUP) != []
    assert failures(provider, "kubernetes:karpenter.sh/v1:NodePool", {"spec": {}}) == []


def test_sizes_that_the_types_allow_and_the_cloud_does_not_are_refused(provider: StandIn) -> None:
    sizes = {"minSize": 3, "desiredSize": 1, "maxSize": 2}

    with pytest.raises(RefusedError, match="desired 1 is not between minimum 3 and maximum 2"):
        create(provider, NODE_GROUP, {**GROUP, "scalingConfig": sizes})


def test_a_preview_knows_what_was_asked_for_and_nothing_else(provider: StandIn) -> None:
    foreseen = decode_struct(create(provider, NODE_GROUP, GROUP, preview=True).properties)

    assert foreseen["clusterName"] == "eks"
    assert foreseen["arn"] == "${unknown: any}"
    assert UNKNOWN not in str(create(provider, NODE_GROUP, GROUP).properties)


def test_what_the_cloud_makes_up_has_its_form_and_stays(provider: StandIn, clouds: Clouds) -> None:
    made = create(provider, NODE_GROUP, GROUP)
    arn = decode_struct(made.properties)["arn"]
    update = provider_pb2.UpdateRequest(
        urn=urn(NODE_GROUP), type=NODE_GROUP, id=made.id, news=encode({**GROUP, "version": "1.36"})
    )

    updated = decode_struct(provider.Update(update, Context()).properties)

    assert arn.startswith("arn:aws:eks:eu-west-1:111122223333:made-")
    assert (updated["arn"], updated["version"]) == (arn, "1.36")
    assert [entry.operation for entry in clouds.journal] == [Operation.CREATE, Operation.UPDATE]


def test_the_second_object_of_a_resource_is_another_one(provider: StandIn) -> None:
    first, second = create(provider, NODE_GROUP, GROUP), create(provider, NODE_GROUP, GROUP)

    assert first.id != second.id
    assert first.properties != second.properties


def test_an_update_of_a_launch_template_is_another_version(provider: StandIn) -> None:
    made = create(provider, LAUNCH_TEMPLATE, {})
    update = provider_pb2.UpdateRequest(
        urn=urn(LAUNCH_TEMPLATE), type=LAUNCH_TEMPLATE, id=made.id, news=encode({"imageId": "ami-1"})
    )

    assert decode_struct(made.properties)["latestVersion"] == 1
    assert decode_struct(provider.Update(update, Context()).properties)["latestVersion"] == 2


def test_a_secret_comes_back_as_a_secret(provider: StandIn) -> None:
    type_ = "kubernetes:core/v1:Secret"
    made = create(provider, type_, {"metadata": {"name": "one"}, "stringData": Secret({"key": "value"})})

    assert decode_struct(made.properties)["stringData"] == Secret({"key": "value"})


def test_a_property_that_cannot_change_makes_another_object(provider: StandIn) -> None:
    found = difference(provider, NODE_GROUP, GROUP, {**GROUP, "capacityType": "SPOT"})

    assert list(found.replaces) == ["capacityType"]
    assert not found.deleteBeforeReplace


def test_azures_provider_deletes_first_whatever_the_new_name(provider: StandIn) -> None:
    pool = {"resourceGroupName": "group", "resourceName": "aks", "agentPoolName": "t4aaaa", "count": 1}

    found = difference(provider, AGENT_POOL, pool, {**pool, "agentPoolName": "t4bbbb"})

    assert (list(found.replaces), found.deleteBeforeReplace) == (["agentPoolName"], True)


def test_what_azure_refuses_to_change_and_nobody_replaces_is_refused() -> None:
    assert rules.refusal(AGENT_POOL, Operation.UPDATE, {}, ["scaleSetPriority"]) is not None
    assert rules.refusal(AGENT_POOL, Operation.UPDATE, {}, ["nodeLabels.tier"]) is None


def test_another_password_of_whoever_pushes_is_no_change(provider: StandIn) -> None:
    def image(password: str) -> dict[str, Plain]:
        return {"push": True, "registries": [{"address": "registry", "username": "AWS", "password": Secret(password)}]}

    found = difference(provider, "docker-build:index:Image", image("one"), image("two"))

    assert found.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_a_token_is_another_one_at_every_call(provider: StandIn) -> None:
    request = provider_pb2.InvokeRequest(tok="aws:ecr/getAuthorizationToken:getAuthorizationToken")
    first, second = (decode_struct(getattr(provider.Invoke(request, Context()), "return")) for _ in range(2))

    assert first["password"] != second["password"]
    assert forms.PLANTED in first["password"]
    assert first["userName"] == second["userName"]


def test_what_a_test_plants_is_refused_once(provider: StandIn, clouds: Clouds) -> None:
    clouds.refuse_once("NodeGroup::made")

    with pytest.raises(RefusedError, match="refused this once"):
        create(provider, NODE_GROUP, GROUP)
    assert clouds.objects == {}
    assert create(provider, NODE_GROUP, GROUP).id


def test_an_object_that_somebody_deleted_is_gone(provider: StandIn, clouds: Clouds) -> None:
    made = create(provider, NODE_GROUP, GROUP)
    request = provider_pb2.ReadRequest(urn=urn(NODE_GROUP), type=NODE_GROUP, id=made.id)
    there = provider.Read(request, Context())
    clouds.remove(urn(NODE_GROUP), made.id)

    assert there.id == made.id
    assert provider.Read(request, Context()).id == ""


@pytest.mark.parametrize(
    ("type_", "flag"),
    [
        ("aws:s3/bucket:Bucket", "forceDestroy"),
        ("aws:ecr/repository:Repository", "forceDelete"),
    ],
)
def test_what_holds_data_goes_only_when_that_was_said(type_: str, flag: str, provider: StandIn, clouds: Clouds) -> None:
    full, meant = (create(provider, type_, inputs) for inputs in ({}, {flag: True}))

    provider.Delete(provider_pb2.DeleteRequest(urn=urn(type_), type=type_, id=meant.id), Context())
    with pytest.raises(RefusedError):
        provider.Delete(provider_pb2.DeleteRequest(urn=urn(type_), type=type_, id=full.id), Context())

    assert [held.id for held in clouds.of_type(type_)] == [full.id]


def test_what_somebody_else_made_is_found(provider: StandIn) -> None:
    type_ = "kubernetes:core/v1:Service"
    request = provider_pb2.ReadRequest(urn=urn(type_), type=type_, id="gateway/proxy")

    found = decode_struct(provider.Read(request, Context()).properties)

    assert found["status"]["loadBalancer"]["ingress"][0]["ip"] == "10.16.0.10"


def test_no_password_is_made_up_for_a_login_that_was_given(provider: StandIn) -> None:
    login = {"repo": "https://charts.example.com"}
    made = create(provider, "kubernetes:helm.sh/v3:Release", {"chart": "keda", "repositoryOpts": login})

    assert decode_struct(made.properties)["repositoryOpts"] == login
