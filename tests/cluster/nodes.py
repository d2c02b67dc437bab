"""Nodes as EKS and AKS make them from a stack's node pools, without the machines; KWOK plays their kubelets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from infra.clusters.eks.node_groups import EKS_EFFECTS
from infra.clusters.gpu import GPU_RESOURCE, NODE_LABEL, POOL_LABEL
from infra.preview import Plan, Resource
from infra.settings.aks import AZURE_VM_SIZES
from infra.settings.instance_types import AWS_INSTANCE_TYPES
from tests.cluster.api import Api
from tests.processes import until

SIMULATED = {"kwok.x-k8s.io/node": "fake"}
SIZE = {"cpu": "4", "memory": "16Gi", "pods": "110"}
"""What the smallest GPU machines of both clouds have."""

_GPUS = {**AWS_INSTANCE_TYPES, **AZURE_VM_SIZES}


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Nodes of one kind: what marks them, and how many GPUs, or slices of GPUs, each offers."""

    name: str
    labels: Mapping[str, str]
    taints: Sequence[Mapping[str, str]]
    gpus: int

    def node(self, name: str, zone: str = "zone-a") -> dict[str, Any]:
        """A node of the pool."""
        labels = {**self.labels, "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}
        size = {**SIZE, **({GPU_RESOURCE: str(self.gpus)} if self.gpus else {})}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels, "annotations": SIMULATED},
            "spec": {"taints": list(self.taints)},
            "status": {"capacity": size, "allocatable": size},
        }


def pools(plan: Plan, cluster: str) -> dict[str, Pool]:
    """The node pools of a cluster, by their names in the settings, with the labels that the cloud itself adds."""
    slices = _slices(plan, cluster)
    groups = [_eks(each, slices) for each in plan.of_type("aws:eks/nodeGroup:NodeGroup")] if cluster == "eks" else []
    if cluster == "aks":
        groups = [_aks(each, slices) for each in plan.of_type("azure-native:containerservice:AgentPool")]
    return {pool.name: pool for pool in groups}


def _eks(group: Resource, slices: int) -> Pool:
    """https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html#managed-node-group-capacity-types"""
    own = {"eks.amazonaws.com/capacityType": group.inputs["capacityType"], "eks.amazonaws.com/nodegroup": group.name}
    effects = {theirs: ours for ours, theirs in EKS_EFFECTS.items()}
    taints = [{**taint, "effect": effects[taint["effect"]]} for taint in group.inputs["taints"]]
    return _pool({**group.inputs["labels"], **own}, taints, group.inputs["instanceTypes"][0], slices)


def _aks(pool: Resource, slices: int) -> Pool:
    """https://learn.microsoft.com/azure/aks/use-labels#reserved-system-labels"""
    own = {"kubernetes.azure.com/mode": pool.inputs["mode"].lower(), "kubernetes.azure.com/agentpool": pool.name}
    parts = [(key, *rest.split(":")) for key, _, rest in (taint.partition("=") for taint in pool.inputs["nodeTaints"])]
    taints = [{"key": key, "value": value, "effect": effect} for key, value, effect in parts]
    return _pool({**pool.inputs["nodeLabels"], **own}, taints, pool.inputs["vmSize"], slices)


def _pool(labels: Mapping[str, str], taints: Sequence[Mapping[str, str]], machine: str, slices: int) -> Pool:
    key, value = NODE_LABEL
    gpus = _GPUS[machine].count * slices if labels.get(key) == value else 0
    return Pool(name=labels[POOL_LABEL], labels=labels, taints=taints, gpus=gpus)


def _slices(plan: Plan, cluster: str) -> int:
    """How often the device plugin offers each GPU, by the configuration that the stack gives it.

    https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus
    """
    sharing = plan.one("kubernetes:core/v1:ConfigMap", f"{cluster}-gpu-operator-sharing")
    (text,) = sharing.inputs["data"].values()
    resources = yaml.safe_load(text).get("sharing", {}).get("timeSlicing", {}).get("resources", [])
    return next((each["replicas"] for each in resources if each["name"] == GPU_RESOURCE), 1)


def add(api: Api, nodes: Sequence[Mapping[str, Any]]) -> None:
    """Make nodes, and wait until pods may run on them."""
    for node in nodes:
        api.create(node)
    names = {node["metadata"]["name"]: node["spec"]["taints"] for node in nodes}

    def usable() -> bool:
        found = {each["metadata"]["name"]: each["spec"].get("taints", []) for each in api.list("v1 Node")}
        # A new node carries Kubernetes' own taints until its kubelet has told of it.
        return all(len(found.get(name, [*taints, {}])) == len(taints) for name, taints in names.items())

    until(usable, "nodes that are ready")
