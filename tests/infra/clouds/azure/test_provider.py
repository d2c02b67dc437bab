from typing import Any

import pulumi
import pulumi_azure_native as azure
import pulumi_random as random
import pytest

from infra.clouds.azure.identity import BuiltInRole, role_assignment
from infra.clouds.azure.provider import azure_options
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.settings.azure import AzureSettings

SUBSCRIPTION, TENANT = "00000000-0000-0000-0000-000000000000", "11111111-1111-1111-1111-111111111111"


class Part(pulumi.ComponentResource):
    """Something with children, as all our components."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("test:index:Part", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = azure.resources.ResourceGroup("group", tags={"owner": "someone", "part": "x"}, opts=child)
        identity = azure.managedidentity.UserAssignedIdentity("identity", resource_group_name=group.name, opts=child)
        role_assignment(
            "pull",
            role=BuiltInRole.ACR_PULL,
            scope=group.id,
            principal_id=identity.principal_id,
            subscription_id=SUBSCRIPTION,
            opts=child,
        )
        random.RandomId("other", byte_length=1, opts=child)


@pytest.fixture(scope="module")
def plan() -> Plan:
    named = {"subscriptionId": SUBSCRIPTION, "tenantId": TENANT, "location": "westeurope"}
    settings = AzureSettings.model_validate(named)
    made: list[Any] = []
    return run(lambda: made.append(Part("part", azure_options(settings, {"owner": "ml", "stack": "test"}))), {})


def test_everything_is_made_in_the_subscription_tenant_and_location_of_the_settings(plan: Plan) -> None:
    provider = plan.one("pulumi:providers:azure-native").inputs
    users = {item.name: item.provider_name for item in plan.resources if item.type.startswith("azure-native:")}

    assert (provider["subscriptionId"], provider["tenantId"]) == (SUBSCRIPTION, TENANT)
    assert provider["location"] == "westeurope"
    assert set(users.values()) == {"azure"}
    assert len(users) == 3


def test_tags_reach_what_can_have_them_and_give_way_to_a_resources_own(plan: Plan) -> None:
    tags = {item.name: item.inputs.get("tags") for item in plan.resources if item.custom and not item.is_provider}

    assert tags == {
        "group": {"owner": "someone", "stack": "test", "part": "x"},
        "identity": {"owner": "ml", "stack": "test"},
        "pull": None,
        "other": None,
    }


def test_every_input_fits_its_schema(plan: Plan) -> None:
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_a_role_is_given_to_one_identity_on_one_resource(plan: Plan) -> None:
    given = plan.one("azure-native:authorization:RoleAssignment").inputs

    assert given["scope"] == "${group.id: string}"
    assert given["principalId"] == "${identity.principalId: string}"
    assert given["principalType"] == "ServicePrincipal"
    assert given["roleDefinitionId"] == (
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/"
        "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    )
