"""Where a real scheduler puts the pods of a stack, on nodes that EKS and AKS would have made from its pools."""

from collections import Counter
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from infra.clusters.gpu import GPU_RESOURCE
from tests.cluster.api import Api, RefusedError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.nodes import Pool
from tests.cluster.objects import applied
from tests.cluster.served import NAMESPACE, Served, serve, unschedulable
from tests.cluster.stacks import Stack, shipped
from tests.processes import until

ZONES = ("zone-a", "zone-b", "zone-c")


@pytest.fixture(params=["eks", "aks"])
def served(request: pytest.FixtureRequest, plane: ControlPlane, prod: Stack) -> Generator[Served]:
    """The server's objects of prod without its autoscaler, on a cluster that has no nodes."""
    yield from serve(plane.api, prod, request.param)


def test_it_runs_on_spot_nodes_first_over_all_zones_and_nodes(served: Served) -> None:
    served.add(served.on_demand, *ZONES)
    served.add(served.spot, *ZONES)
    served.add(served.pools["system"], *ZONES)

    served.scale(3)

    pods = served.running(3)
    assert {served.pool_of(pod) for pod in pods} == {served.spot.name}
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 3


def test_it_runs_on_demand_where_spot_is_full_and_comes_back_there_when_spot_is_taken(served: Served) -> None:
    spot = served.add(served.spot, "zone-a", "zone-b")
    served.add(served.on_demand, *ZONES)
    served.scale(3)
    full = Counter(served.pool_of(pod) for pod in served.running(3))
    before = {pod["metadata"]["name"] for pod in served.pods()}

    served.api.delete("v1 Node", spot[0])

    after = until(lambda: replaced(served, before), "pods elsewhere", 110)
    assert full == {served.spot.name: 2, served.on_demand.name: 1}
    assert Counter(served.pool_of(pod) for pod in after) == {served.spot.name: 1, served.on_demand.name: 2}


def replaced(served: Served, before: set[str]) -> list[dict[str, Any]] | None:
    pods = [pod for pod in served.pods() if pod["status"].get("phase") == "Running"]
    return pods if len(pods) == 3 and {pod["metadata"]["name"] for pod in pods} != before else None


def test_it_never_runs_on_the_system_pool(served: Served) -> None:
    served.add(served.pools["system"], *ZONES)

    served.scale(1)

    (why,) = served.waiting(1)
    assert "node(s) didn't match Pod's node affinity/selector" in why


@pytest.mark.parametrize("name", ["spot", "on_demand"])
def test_nothing_without_the_toleration_runs_on_gpu_nodes(served: Served, name: str) -> None:
    pool: Pool = getattr(served, name)
    served.add(pool, "zone-a")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "other", "namespace": "default"},
           "spec": {"containers": [{"name": "other", "image": "example.com/other"}]}}  # fmt: skip

    with applied(served.api, [pod]):
        why = until(lambda: unschedulable(served.api.get("v1 Pod", "other", "default")), "verdict of the scheduler")

    assert "untolerated taint" in why


def test_a_disruption_budget_holds_while_a_node_is_drained(served: Served) -> None:
    first, _ = served.add(served.spot, "zone-a", "zone-b")
    served.scale(2)
    pods = served.running(2)
    for pod in pods:  # both are asked to leave at once, as two drains would
        served.api.patch("v1 Node", pod["spec"]["nodeName"], {"spec": {"unschedulable": True}})

    evict(served.api, pods[0])
    with pytest.raises(RefusedError, match="violate the pod's disruption budget") as refused:
        evict(served.api, pods[1])
    served.add(served.on_demand, "zone-c")
    served.running(2)
    until(lambda: evicted(served.api, pods[1]), "eviction once the first pod is back")

    assert refused.value.status == 429
    assert first


def evict(api: Api, pod: Mapping[str, Any]) -> None:
    api.evict(pod["metadata"]["name"], NAMESPACE)


def evicted(api: Api, pod: Mapping[str, Any]) -> bool:
    try:
        evict(api, pod)
    except RefusedError:
        return False
    return True


@pytest.fixture(params=["eks", "aks"])
def shared(request: pytest.FixtureRequest, plane: ControlPlane) -> Generator[Served]:
    """As `served`, of a stack that lets four pods share a GPU."""
    cluster = request.param
    small = {"resources": {"cpu": "500m", "memory": "2Gi"}}
    yield from serve(plane.api, shipped("prod", {cluster: {"gpuTimeSlices": 4}, "serving": small}), cluster)


def test_time_slices_of_four_admit_four_pods_to_a_gpu(shared: Served) -> None:
    shared.add(shared.spot, "zone-a")

    shared.scale(5)

    assert len({pod["spec"]["nodeName"] for pod in shared.running(4)}) == 1
    (why,) = shared.waiting(1)
    assert f"Insufficient {GPU_RESOURCE}" in why
