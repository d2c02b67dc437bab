"""What is asked of Azure, of a stand-in for its CLI that answers as the APIs' documentation does."""

import json
from typing import Any

import pytest

from infra.preflight import azure
from infra.preflight.answer import Answer, Status
from infra.preflight.azure import spot
from infra.preview import Resource
from tests.infra.preflight.clouds import Microsoft, recorded
from tests.infra.preflight.conftest import Ask
from tests.infra.preflight.plans import agent_pool, plan, resource
from tests.infra.preflight.plans import microsoft as subscription
from tests.loopback import Loopback, Response

SPOT, T4 = "quota Total Regional Spot vCPUs", "quota Standard NCASv3_T4 Family vCPUs"


@pytest.fixture(autouse=True)
def _prices(monkeypatch: pytest.MonkeyPatch) -> Any:
    body = json.dumps(recorded("prices")).encode()
    with Loopback(lambda _: Response(body=body)) as server:
        monkeypatch.setattr(spot, "PRICES", server.url)
        yield


def answers(ask: Ask, *more: Resource) -> dict[str, Answer]:
    return ask(azure.section(subscription(*more), {}))


def changed(name: str, at: int, **fields: Any) -> Any:
    """A recorded answer with fields of one of its values changed."""
    answer = recorded(name)
    answer["value"][at] |= fields
    return answer


@pytest.mark.usefixtures("microsoft")
def test_a_pool_that_fits_its_familys_quota_exactly_passes(ask: Ask) -> None:
    found = answers(ask, agent_pool("t4", 5))[T4]  # of the 16 in use, 4 are the stack's own

    assert (found.status, found.found) == (Status.OK, "20 vCPUs needed, the quota is 32, others use 12")


def test_a_pool_above_its_familys_quota_fails_with_the_command_that_asks_for_more(
    microsoft: Microsoft, ask: Ask
) -> None:
    microsoft.answer("compute-usages", changed("compute-usages", 3, limit=31))

    found = answers(ask, agent_pool("t4", 5))[T4]

    assert (found.status, found.found) == (Status.FAILED, "20 vCPUs needed, the quota is 31, others use 12: 1 short")
    assert found.fix == (
        "az quota update --resource-name 'Standard NCASv3_T4 Family' --scope "
        "/subscriptions/00000000-0000-0000-0000-000000000001/providers/Microsoft.Compute/locations/northeurope "
        "--limit-object value=32"
    )


@pytest.mark.usefixtures("microsoft")
def test_spot_nodes_count_against_the_quota_of_spot_only(ask: Ask) -> None:
    found = answers(ask, agent_pool("t4spot", 11, spot=True))

    assert found[SPOT].found == "44 vCPUs needed, the quota is 48, others use 4"
    assert T4 not in found


def test_a_cluster_that_is_not_there_yet_uses_nothing(microsoft: Microsoft, ask: Ask) -> None:
    microsoft.refuse("clusters", 'ERROR: Not Found({"error":{"code":"ResourceGroupNotFound","message":"no"}})')

    assert "others use 16" in answers(ask, agent_pool("t4", 1))[T4].found


def test_a_zone_without_the_size_fails_as_the_cluster_would(microsoft: Microsoft, ask: Ask) -> None:
    closed = {"type": "Zone", "restrictionInfo": {"zones": ["2"]}, "reasonCode": "NotAvailableForSubscription"}
    microsoft.answer("skus", changed("skus", 0, restrictions=[closed]))

    found = answers(ask, agent_pool("t4", 1), agent_pool("anywhere", 1, availabilityZones=[]))

    assert (found["offered to t4"].status, found["offered to t4"].fix) == (Status.FAILED, "set aks.zones within: 1, 3")
    assert found["offered to anywhere"].status is Status.OK


@pytest.mark.parametrize("said", ["NotAvailableForSubscription", "QuotaId"])
def test_a_size_that_the_subscription_may_not_have_fails(microsoft: Microsoft, ask: Ask, said: str) -> None:
    refused = {"type": "Location", "restrictionInfo": {"locations": ["northeurope"]}, "reasonCode": said}
    microsoft.answer("skus", changed("skus", 0, restrictions=[refused]))

    found = answers(ask, agent_pool("t4", 1))["offered to t4"]

    assert found.status is Status.FAILED
    assert said in found.found


@pytest.mark.usefixtures("microsoft")
def test_a_size_that_the_location_lacks_fails(ask: Ask) -> None:
    found = answers(ask, agent_pool("a100", 1, vmSize="Standard_NC24ads_A100_v4"))

    assert found["offered to a100"].found == "northeurope has no Standard_NC24ads_A100_v4"


def test_a_size_that_is_not_lent_on_spot_fails(microsoft: Microsoft, ask: Ask) -> None:
    microsoft.answer("skus", changed("skus", 0, capabilities=[{"name": "vCPUs", "value": "4"}]))

    assert answers(ask, agent_pool("t4spot", 1, spot=True))["offered to t4spot"].status is Status.FAILED


@pytest.mark.usefixtures("microsoft")
def test_the_spot_price_is_told_beside_the_one_on_demand(ask: Ask) -> None:
    found = answers(ask, agent_pool("t4spot", 1, spot=True))["spot price for t4spot"]

    assert (found.status, found.found) == (
        Status.OK,
        "0.1100 in northeurope USD an hour, 20 percent of 0.5500 on demand",
    )


@pytest.mark.usefixtures("microsoft")
def test_a_pool_that_pays_less_than_the_spot_price_fails(ask: Ask) -> None:
    found = answers(ask, agent_pool("t4spot", 1, spot=True, spotMaxPrice=0.1))["spot price for t4spot"]

    assert found.status is Status.FAILED


def deployment(most: int) -> list[Resource]:
    capacity = {"capacity": {"minimum": "1", "maximum": str(most)}}
    return [
        resource(
            "azure-native:machinelearningservices:OnlineDeployment",
            "blue",
            properties={"endpointComputeType": "Managed", "instanceType": "Standard_NC4as_T4_v3"},
            sku={"capacity": 1},
        ),
        resource("azure-native:monitor:AutoscaleSetting", "blue", profiles=[capacity]),
    ]


@pytest.mark.parametrize(("most", "status"), [(10, Status.OK), (11, Status.FAILED)])
@pytest.mark.usefixtures("microsoft")
def test_azure_ml_needs_a_fifth_more_than_runs(ask: Ask, most: int, status: Status) -> None:
    found = answers(ask, *deployment(most))["quota Standard NCASv3_T4 Family Cluster Dedicated vCPUs of Azure ML"]

    assert found.status is status  # 12 instances need 48 of 52, of which another workspace uses 4


def test_container_groups_have_a_quota_of_cores(microsoft: Microsoft, ask: Ask) -> None:
    container = {"resources": {"requests": {"cpu": 2}}}
    group = resource("azure-native:containerinstance:ContainerGroup", "model", containers=[container])

    assert (
        answers(ask, group)["quota of container groups"].found
        == "2 cores needed, the quota is 10, others use 9: 1 short"
    )

    microsoft.answer("container-groups", {"value": [{"properties": {"containers": [container]}}]})

    assert answers(ask, group)["quota of container groups"].status is Status.OK


def test_a_version_that_the_location_does_not_offer_fails_and_names_those_it_does(
    microsoft: Microsoft, ask: Ask
) -> None:
    microsoft.answer("kubernetes-versions", {"values": recorded("kubernetes-versions")["values"][:1]})

    found = answers(ask, agent_pool("t4", 1))["AKS with Kubernetes 1.36"]

    assert (found.status, found.fix) == (Status.FAILED, "set aks.kubernetesVersion to one of 1.35")


def test_resource_providers_that_are_not_registered_are_named_with_their_commands(
    microsoft: Microsoft, ask: Ask
) -> None:
    assert answers(ask)["resource providers"].status is Status.OK

    microsoft.answer("providers", changed("providers", 0, registrationState="NotRegistered"))

    found = answers(ask)["resource providers"]
    assert (found.status, found.fix) == (Status.FAILED, "az provider register --wait --namespace Microsoft.Compute")


def test_a_contributor_who_may_not_assign_roles_is_told_so(microsoft: Microsoft, ask: Ask) -> None:
    assert answers(ask)["permissions"].status is Status.OK

    microsoft.answer("permissions", {"value": recorded("permissions")["value"][:1]})

    found = answers(ask)["permissions"]
    assert (found.status, found.found) == (
        Status.FAILED,
        "not granted: Microsoft.Authorization/roleAssignments/write",
    )


def test_another_tenant_fails(microsoft: Microsoft, ask: Ask) -> None:
    microsoft.answer("account", recorded("account") | {"tenantId": "another"})

    assert answers(ask)["subscription"].status is Status.FAILED


def test_a_user_who_is_not_signed_in_is_told_how_and_asked_nothing_else(microsoft: Microsoft, ask: Ask) -> None:
    microsoft.refuse("account", "ERROR: Please run 'az login' to setup account.")

    found = answers(ask)

    assert list(found) == ["subscription"]
    assert found["subscription"].fix == "sign in: az login --tenant 00000000-0000-0000-0000-000000000002"
    assert len(microsoft.calls) == 1


def test_a_machine_without_the_cli_is_told_to_install_it(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert answers(ask)["subscription"].found == "the Azure CLI is not on PATH"


def test_a_refusal_of_one_question_leaves_the_others(microsoft: Microsoft, ask: Ask) -> None:
    microsoft.refuse("compute-usages", 'ERROR: Forbidden({"error":{"code":"AuthorizationFailed","message":"no"}})')

    found = answers(ask, agent_pool("t4", 1))

    assert found["quotas of vCPUs"].status is Status.UNKNOWN
    assert found["quotas of vCPUs"].fix == "give the caller the role Reader on the subscription"
    assert found["offered to t4"].status is Status.OK


def test_pages_are_followed_to_the_last(microsoft: Microsoft, ask: Ask) -> None:
    usages: list[Any] = recorded("compute-usages")["value"]
    microsoft.answer("compute-usages", {"value": usages[:3], "nextLink": "https://management.azure.com/next?page=2"})
    microsoft.answer("page-2", {"value": usages[3:]})

    assert answers(ask, agent_pool("t4", 1))[T4].status is Status.OK


def test_nothing_is_asked_but_with_get(microsoft: Microsoft, ask: Ask) -> None:
    answers(ask, agent_pool("t4", 1), agent_pool("t4spot", 1, spot=True), *deployment(1))

    shown = [call for call in microsoft.calls if call.startswith("account show ")]
    read = [
        call for call in microsoft.calls if call.startswith("rest --method get --url https://management.azure.com/")
    ]
    assert len(shown) == 1
    assert len(read) >= 7
    assert sorted([*shown, *read]) == sorted(microsoft.calls)


def test_a_stack_without_azure_is_not_asked_about_it() -> None:
    assert azure.section(plan(), {}) is None
