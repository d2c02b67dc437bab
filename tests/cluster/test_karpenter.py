"""Nodes that follow pods: a stack's own NodePools, and Karpenter in their version, with no machine behind a node."""

from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from infra.clusters.eks.karpenter import CAPACITY_LABEL, LOADING
from infra.versions import pinned
from tests.cluster.control_plane import ControlPlane
from tests.cluster.karpenter import NODE_CLASS, karpenter, node_pool
from tests.cluster.objects import applied
from tests.cluster.served import NAMESPACE, Served, forget, serve
from tests.cluster.stacks import Stack, shipped
from tests.processes import until
from tests.programs.built import version

POOL = "karpenter.sh/v1 NodePool"


@pytest.fixture(scope="module")
def small() -> Stack:
    """Prod with at most two spot nodes, all of them Karpenter's."""
    pools = {"spot": {"min": 0, "max": 2, "minOutsideOfficeHours": None}}
    replicas = {"min": 1, "max": 4}
    return shipped("prod", {"eks": {"gpuPools": pools}, "serving": {"replicas": replicas}})


@pytest.fixture
def served(plane: ControlPlane, small: Stack) -> Generator[Served]:
    """The server's objects and the NodePools of the stack, and neither nodes nor Karpenter yet."""
    pools = [node_pool(each, "5s") for each in small.objects["eks"] if each["kind"] == "NodePool"]
    with applied(plane.api, [NODE_CLASS, *pools]):
        yield from serve(plane.api, small, "eks")
        forget(plane.api, "karpenter.sh/v1 NodeClaim")


def capacity(served: Served) -> Counter[str]:
    """How the nodes that are there were bought."""
    nodes = served.api.list("v1 Node")
    return Counter(node["metadata"]["labels"].get(CAPACITY_LABEL, "none") for node in nodes)


def test_it_is_the_version_that_a_stack_installs() -> None:
    charts = pinned()["charts"]

    assert charts["karpenter"]["version"] == version("sigs.k8s.io/karpenter", "karpenter")
    assert charts["karpenter-crd"]["version"] == version("github.com/aws/karpenter-provider-aws", "crds")


def test_pending_pods_bring_spot_nodes_from_zero_then_on_demand_ones_and_all_go_when_idle(
    served: Served, plane: ControlPlane
) -> None:
    with karpenter(plane) as process:
        served.scale(3)
        served.running(3)
        grown = capacity(served)
        served.scale(0)
        until(lambda: not capacity(served), "end of the last node", 110, [process])

    assert grown == {"spot": 2, "on-demand": 1}


def test_where_spot_is_refused_on_demand_nodes_come(served: Served, plane: ControlPlane) -> None:
    with karpenter(plane, offers=["on-demand"]):
        served.scale(2)
        served.running(2)

        assert capacity(served) == {"on-demand": 2}


def test_a_node_whose_pod_is_loading_is_not_taken_for_a_cheaper_one(served: Served, plane: ControlPlane) -> None:
    with karpenter(plane, offers=["on-demand"]):
        served.scale(1)
        (pod,) = served.running(1)
    with karpenter(plane) as process:  # spot is to be had again, at less than half the price
        until(lambda: kept(served, pod), "refusal to take the node", 90, [process])
        young = capacity(served)
        (annotation,) = LOADING
        change = {"metadata": {"annotations": {annotation: "1s"}}}
        served.api.patch("v1 Pod", pod["metadata"]["name"], change, NAMESPACE)
        until(lambda: capacity(served) == {"spot": 1}, "cheaper node", 110, [process])

    assert young == {"on-demand": 1}


def kept(served: Served, pod: dict[str, Any]) -> Sequence[str]:
    """Karpenter's own reasons not to touch a node."""
    said = [each["message"] for each in served.api.list("v1 Event") if each["reason"] == "DisruptionBlocked"]
    return [message for message in said if pod["metadata"]["name"] in message]
