"""Node pools: the system nodes, and GPU nodes that the cluster autoscaler grows and shrinks."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import yaml
from pulumi_azure_native import containerservice
from pulumi_azure_native.containerservice import AgentPoolUpgradeSettingsArgsDict

from infra.clusters.aks.context import AksContext
from infra.clusters.gpu import NODE_LABEL, NODE_TAINT, POOL_LABEL
from infra.settings.aks import UP_TO_ON_DEMAND_PRICE, AksGpuPoolSettings, AksSettings
from infra.settings.clusters import SYSTEM_POOL, Capacity

# AKS puts both on every spot node (https://learn.microsoft.com/azure/aks/spot-node-pool).
SPOT_LABEL = ("kubernetes.azure.com/scalesetpriority", "spot")
SPOT_TAINT = (*SPOT_LABEL, "NoSchedule")

# Instead of ours, since Azure ML's servers tolerate no others; the second keeps Azure ML's own services off
# (https://learn.microsoft.com/azure/machine-learning/reference-kubernetes#supported-azure-machine-learning-taints-and-tolerations).
AZURE_ML_LABEL = ("inference-platform/azure-ml", "true")
AZURE_ML_TAINTS = (
    ("ml.azure.com/amlarc", "true", "NoSchedule"),
    ("ml.azure.com/amlarc-workload", "true", "NoSchedule"),
)

# One system for all nodes: the GPU Operator runs on a cluster of one kind only
# (https://learn.microsoft.com/azure/aks/nvidia-gpu-operator).
OS_SKU = containerservice.OSSKU.UBUNTU

PRIORITIES = {Capacity.SPOT: 20, Capacity.ON_DEMAND: 10}
"""Which pools the autoscaler tries first: the highest."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What all pools of a cluster share."""

    context: AksContext
    cluster_name: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class PoolArgs:
    """`gpu` pools are autoscaled between `min` and `max`; the others have `min` nodes. Prices are USD per hour.

    The nodes of an `azure_ml` pool are Azure ML's alone.
    """

    name: str
    vm_size: str
    capacity: Capacity
    min: int
    max: int
    disk_gib: int
    gpu: bool
    azure_ml: bool = False
    max_price: float = UP_TO_ON_DEMAND_PRICE

    @property
    def is_spot(self) -> bool:
        """Whether Azure may take its nodes back."""
        return self.capacity is Capacity.SPOT


def system_pool(context: AksContext) -> PoolArgs:
    """The nodes for controllers and monitoring."""
    pool = context.aks.system_pool
    return PoolArgs(
        name=SYSTEM_POOL,
        vm_size=pool.vm_size,
        capacity=Capacity.ON_DEMAND,
        min=pool.nodes,
        max=pool.nodes,
        disk_gib=pool.disk_gib,
        gpu=False,
    )


def gpu_pool(name: str, pool: AksGpuPoolSettings) -> PoolArgs:
    """The nodes of a GPU pool."""
    return PoolArgs(
        name=name,
        vm_size=pool.vm_size,
        capacity=pool.capacity,
        min=pool.min,
        max=pool.max,
        disk_gib=pool.disk_gib,
        gpu=True,
        azure_ml=pool.azure_ml,
        max_price=pool.max_price,
    )


def azure_name(pool: PoolArgs, zones: Sequence[str]) -> str:
    """The pool's name in Azure, `<name><4 hex digits>`: another for whatever AKS cannot change in a pool that exists.

    So a change makes the new pool first, under a name of its own, and then drains and deletes the old one
    (https://learn.microsoft.com/azure/aks/resize-node-pool).
    """
    fixed = (pool.vm_size, pool.capacity, pool.disk_gib, pool.gpu, pool.azure_ml, pool.max_price, *zones)
    return pool.name + hashlib.sha256(repr(fixed).encode()).hexdigest()[:4]


def labels(pool: PoolArgs) -> Mapping[str, str]:
    """What the pool's nodes are found by."""
    own = {POOL_LABEL: pool.name}
    users = dict([AZURE_ML_LABEL if pool.azure_ml else NODE_LABEL]) if pool.gpu else {}
    return own | users | (dict([SPOT_LABEL]) if pool.is_spot else {})


def taints(pool: PoolArgs) -> list[str]:
    """What keeps other pods off the pool's nodes, as `key=value:effect`."""
    users = (AZURE_ML_TAINTS if pool.azure_ml else (NODE_TAINT,)) if pool.gpu else ()
    marks = (*users, SPOT_TAINT) if pool.is_spot else users
    return [f"{key}={value}:{effect}" for key, value, effect in marks]


def gpu_taints(settings: AksSettings) -> tuple[tuple[str, str, str], ...]:
    """What GPU nodes may carry; Azure ML's are for the GPU Operator: our label keeps the model server off them."""
    azure_ml = any(pool.azure_ml for pool in settings.gpu_pools.values())
    return (NODE_TAINT, SPOT_TAINT, *(AZURE_ML_TAINTS if azure_ml else ()))


def priorities(pools: Sequence[PoolArgs], zones: Sequence[str]) -> str:
    """Spot pools before the others, for the autoscaler's priority expander; scale sets are `aks-<pool>-<number>-vmss`.

    https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/expander/priority/readme.md
    """
    ranked: dict[int, list[str]] = {}
    for pool in pools:
        ranked.setdefault(PRIORITIES[pool.capacity], []).append(f"aks-{azure_name(pool, zones)}-.*")
    return yaml.safe_dump(ranked)


def upgrades(pool: PoolArgs) -> AgentPoolUpgradeSettingsArgsDict | None:
    """GPU nodes are upgraded in place, since a spare one may be beyond the quota.

    Azure refuses any such setting for spot pools (https://github.com/hashicorp/terraform-provider-azurerm/pull/31129).
    """
    return {"max_surge": "0", "max_unavailable": "1"} if pool.gpu and not pool.is_spot else None


def agent_pool(name: str, placement: Placement, pool: PoolArgs, parent: pulumi.Resource) -> containerservice.AgentPool:
    """A pool of its own; never one of the cluster's `agentPoolProfiles`, whose every edit touches all pools.

    https://learn.microsoft.com/azure/templates/microsoft.containerservice/managedclusters/agentpools
    """
    context = placement.context
    return containerservice.AgentPool(
        name,
        resource_group_name=context.resource_group_name,
        resource_name_=placement.cluster_name,
        agent_pool_name=azure_name(pool, context.aks.zones),
        mode=containerservice.AgentPoolMode.USER if pool.gpu else containerservice.AgentPoolMode.SYSTEM,
        type=containerservice.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
        orchestrator_version=context.aks.kubernetes_version,
        vm_size=pool.vm_size,
        os_sku=OS_SKU,
        os_disk_size_gb=pool.disk_gib,
        vnet_subnet_id=context.network.node_subnet_id,
        availability_zones=list(context.aks.zones) or None,
        count=pool.min,
        enable_auto_scaling=pool.gpu,
        min_count=pool.min if pool.gpu else None,
        max_count=pool.max if pool.gpu else None,
        node_labels=labels(pool),
        node_taints=taints(pool),
        # AKS's own driver, which the GPU Operator then finds.
        gpu_profile={"driver": containerservice.GPUDriver.INSTALL} if pool.gpu else None,
        scale_set_priority=containerservice.ScaleSetPriority.SPOT if pool.is_spot else None,
        scale_set_eviction_policy=containerservice.ScaleSetEvictionPolicy.DELETE if pool.is_spot else None,
        spot_max_price=pool.max_price if pool.is_spot else None,
        upgrade_settings=upgrades(pool),
        opts=pulumi.ResourceOptions(
            parent=parent,
            # The autoscaler owns the number, which Azure asks for all the same.
            ignore_changes=["count"] if pool.gpu else None,
            # The provider's own order would leave pods without a node: for names that a program gives it deletes first
            # (https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/provider.go).
            delete_before_replace=False,
        ),
    )
