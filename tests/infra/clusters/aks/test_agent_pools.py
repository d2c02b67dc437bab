from dataclasses import replace
from typing import Any

import pytest
import yaml

from infra.clusters.aks.agent_pools import SPOT_TAINT, PoolArgs, azure_name, gpu_pool, gpu_taints, priorities
from infra.clusters.gpu import NODE_LABEL, NODE_TAINT
from infra.preview import Plan
from infra.settings.clusters import Capacity
from tests.infra.clusters.aks.conftest import aks_settings

CLUSTER = "azure-native:containerservice:ManagedCluster"
POOL = "azure-native:containerservice:AgentPool"
T4 = {"vmSize": "Standard_NC4as_T4_v3", "max": 4}


def pool(plan: Plan, name: str) -> Any:
    return plan.one(POOL, f"aks-{name}").inputs


def made(**changes: object) -> PoolArgs:
    return gpu_pool("spot", aks_settings(gpuPools={"spot": {**T4, **changes}}).gpu_pools["spot"])


def test_every_pool_is_a_resource_of_its_own_in_the_nodes_subnet(aks: Plan) -> None:
    assert {each.name for each in aks.of_type(POOL)} == {"aks-system", "aks-t4spot", "aks-t4"}
    for each in aks.of_type(POOL):
        assert each.inputs["resourceName"] == "${aks.name: string}"
        assert each.inputs["vnetSubnetID"] == "${azure-nodes.id: string}"
        assert each.inputs["orchestratorVersion"] == "1.36"
        assert each.inputs["osSKU"] == "Ubuntu"
        assert each.inputs["type"] == "VirtualMachineScaleSets"


def test_spot_nodes_are_deleted_when_taken_and_cost_at_most_what_the_settings_say(aks: Plan, changed: Plan) -> None:
    spot, on_demand = pool(aks, "t4spot"), pool(aks, "t4")

    assert (spot["scaleSetPriority"], spot["scaleSetEvictionPolicy"]) == ("Spot", "Delete")
    assert spot["spotMaxPrice"] == -1
    assert pool(changed, "t4spot")["spotMaxPrice"] == 0.35
    assert {"scaleSetPriority", "scaleSetEvictionPolicy", "spotMaxPrice"} & on_demand.keys() == set()


def test_gpu_pools_grow_and_shrink_and_no_up_resets_their_number(aks: Plan) -> None:
    spot = aks.one(POOL, "aks-t4spot")

    assert spot.inputs["enableAutoScaling"] is True
    assert (spot.inputs["minCount"], spot.inputs["count"], spot.inputs["maxCount"]) == (1, 1, 4)
    assert spot.ignore_changes == ["count"]


def test_the_system_pool_has_the_number_of_the_settings(aks: Plan, changed: Plan) -> None:
    system = aks.one(POOL, "aks-system")

    assert (system.inputs["mode"], system.inputs["enableAutoScaling"], system.inputs["count"]) == ("System", False, 2)
    assert "maxCount" not in system.inputs
    assert system.ignore_changes == []
    assert pool(changed, "system")["count"] == 3


def test_gpu_nodes_carry_our_mark_and_azures_and_system_nodes_neither(aks: Plan) -> None:
    key, value, effect = NODE_TAINT
    own, spot = f"{key}={value}:{effect}", "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"

    assert pool(aks, "t4spot")["nodeTaints"] == [own, spot]
    assert pool(aks, "t4")["nodeTaints"] == [own]
    assert pool(aks, "system")["nodeTaints"] == []
    assert pool(aks, "t4spot")["nodeLabels"] == {
        NODE_LABEL[0]: NODE_LABEL[1],
        "inference-platform/pool": "t4spot",
        "kubernetes.azure.com/scalesetpriority": "spot",
    }
    assert pool(aks, "t4")["nodeLabels"] == {NODE_LABEL[0]: NODE_LABEL[1], "inference-platform/pool": "t4"}
    assert pool(aks, "system")["nodeLabels"] == {"inference-platform/pool": "system"}


def test_nodes_of_azure_ml_carry_its_marks_instead_of_ours(shared_with_azure_ml: Plan) -> None:
    found = pool(shared_with_azure_ml, "ml")

    assert found["nodeTaints"] == [
        "ml.azure.com/amlarc=true:NoSchedule",
        "ml.azure.com/amlarc-workload=true:NoSchedule",
    ]
    assert found["nodeLabels"] == {"inference-platform/pool": "ml", "inference-platform/azure-ml": "true"}
    assert "ml.azure.com" not in str(pool(shared_with_azure_ml, "t4"))


def test_gpu_nodes_may_carry_azure_mls_taints_only_where_a_pool_is_its() -> None:
    azure_ml = {"ml": {**T4, "capacity": "on-demand", "azureMl": True}}
    without, shared = aks_settings(), aks_settings(gpuPools=azure_ml)

    assert gpu_taints(without) == (NODE_TAINT, SPOT_TAINT)
    assert {key for key, _, _ in gpu_taints(shared)} - {key for key, _, _ in gpu_taints(without)} == {
        "ml.azure.com/amlarc", "ml.azure.com/amlarc-workload",
    }  # fmt: skip


def test_azure_installs_the_driver_on_gpu_nodes_only(aks: Plan) -> None:
    assert pool(aks, "t4spot")["gpuProfile"] == {"driver": "Install"}
    assert "gpuProfile" not in pool(aks, "system")


def test_an_upgrade_asks_for_no_more_gpus_than_the_pool_has_and_azure_decides_for_spot_pools(aks: Plan) -> None:
    assert pool(aks, "t4")["upgradeSettings"] == {"maxSurge": "0", "maxUnavailable": "1"}
    assert "upgradeSettings" not in pool(aks, "t4spot")
    assert "upgradeSettings" not in pool(aks, "system")


@pytest.mark.parametrize(
    "change",
    [
        {"vmSize": "Standard_NC8as_T4_v3"},
        {"diskGib": 200},
        {"capacity": "on-demand"},
        {"maxPrice": 0.5},
    ],
)
def test_what_azure_cannot_change_in_a_pool_makes_a_new_one_beside_it(change: dict[str, object]) -> None:
    old, new = azure_name(made(), ()), azure_name(made(**change), ())

    assert old != new
    assert old[:-4] == new[:-4] == "spot"
    assert azure_name(made(), ("1", "2")) != old


def test_a_pool_that_becomes_azure_mls_is_a_new_one() -> None:
    own, azure_ml = made(capacity="on-demand"), made(capacity="on-demand", azureMl=True)

    assert azure_name(own, ()) != azure_name(azure_ml, ())


def test_what_azure_can_change_stays_in_its_pool() -> None:
    assert azure_name(made(min=1, max=3), ()) == azure_name(made(), ())


def test_a_pools_name_is_one_that_azure_takes() -> None:
    name = azure_name(replace(made(), name="abcdefgh"), ("1", "2", "3"))

    assert len(name) == 12
    assert name.isalnum()
    assert name.islower()


def test_spot_pools_are_tried_before_the_others() -> None:
    spot, fixed = made(), replace(made(), name="fixed", capacity=Capacity.ON_DEMAND)
    ranks: Any = yaml.safe_load(priorities([fixed, spot], ()))

    assert ranks[max(ranks)] == [f"aks-{azure_name(spot, ())}-.*"]
    assert ranks[min(ranks)] == [f"aks-{azure_name(fixed, ())}-.*"]


def test_zones_reach_every_pool_and_azure_chooses_where_none_are_named(aks: Plan, changed: Plan) -> None:
    (inline,) = aks.one(CLUSTER).inputs["agentPoolProfiles"]
    (zonal,) = changed.one(CLUSTER).inputs["agentPoolProfiles"]

    assert [each.inputs["availabilityZones"] for each in changed.of_type(POOL)] == [["1", "2"]] * 2
    assert zonal["availabilityZones"] == ["1", "2"]
    assert all("availabilityZones" not in inputs for inputs in [inline, *(each.inputs for each in aks.of_type(POOL))])
