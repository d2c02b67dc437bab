"""The machines that a plan may run: how many of which type, on what terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from infra.preview.plan import Plan, Resource

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
MANAGED_CLUSTER = "azure-native:containerservice:ManagedCluster"
AGENT_POOL = "azure-native:containerservice:AgentPool"
ENDPOINT_CONFIGURATION = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
SCALABLE_TARGET = "aws:appautoscaling/target:Target"
ONLINE_DEPLOYMENT = "azure-native:machinelearningservices:OnlineDeployment"
AUTOSCALE_SETTING = "azure-native:monitor:AutoscaleSetting"


class Capacity(StrEnum):
    """On what terms a cloud lends a machine."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"


class Service(StrEnum):
    """What starts and stops the machines."""

    EKS = "EKS"
    KARPENTER = "Karpenter"
    AKS = "AKS"
    SAGEMAKER = "SageMaker"
    AZURE_ML = "Azure ML"


AWS_SERVICES = frozenset({Service.EKS, Service.KARPENTER, Service.SAGEMAKER})


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Between `minimum` and `maximum` machines, each of any of `instance_types`, the preferred first."""

    service: Service
    resource: Resource
    instance_types: Sequence[str]
    capacity: Capacity
    minimum: int
    maximum: int

    @property
    def name(self) -> str:
        """The logical name of what asks for them, unique within its service."""
        return self.resource.name

    @property
    def in_aws(self) -> bool:
        """Whether AWS lends them; else Azure does."""
        return self.service in AWS_SERVICES


def machines(plan: Plan) -> list[Machines]:
    """Every pool of nodes and every endpoint with machines of its own, in plan order.

    A pool of EKS is two: the managed group, and what Karpenter grows beyond it. Machines that a cloud does not name,
    as behind serverless endpoints and container groups, are none of these.
    """
    return [found for resource in plan.resources for found in _of(resource, plan)]


def _of(resource: Resource, plan: Plan) -> Iterator[Machines]:
    read = _READERS.get(resource.type)
    if read:
        yield from read(resource, resource.inputs, plan)


def _node_group(resource: Resource, inputs: Mapping[str, Any], plan: Plan) -> Iterator[Machines]:
    del plan
    size = inputs["scalingConfig"]
    yield Machines(
        service=Service.EKS,
        resource=resource,
        instance_types=inputs["instanceTypes"],
        capacity=Capacity.SPOT if inputs.get("capacityType") == "SPOT" else Capacity.ON_DEMAND,
        minimum=size["minSize"],
        maximum=size["desiredSize"],  # Karpenter grows the pool, nothing the group; EKS only takes no maxSize of 0
    )


def _node_pool(resource: Resource, inputs: Mapping[str, Any], plan: Plan) -> Iterator[Machines]:
    del plan
    spec = inputs["spec"]
    wanted = {each["key"]: each["values"] for each in spec["template"]["spec"]["requirements"]}
    yield Machines(
        service=Service.KARPENTER,
        resource=resource,
        instance_types=wanted["node.kubernetes.io/instance-type"],
        capacity=Capacity(wanted["karpenter.sh/capacity-type"][0]),
        minimum=0,
        maximum=int(spec["limits"]["nodes"]),
    )


def _first_pools(resource: Resource, inputs: Mapping[str, Any], plan: Plan) -> Iterator[Machines]:
    del plan
    for pool in inputs.get("agentPoolProfiles", ()):
        yield Machines(
            service=Service.AKS,
            resource=resource,
            instance_types=[pool["vmSize"]],
            capacity=Capacity.ON_DEMAND,
            minimum=pool["count"],
            maximum=pool["count"],
        )


def _agent_pool(resource: Resource, inputs: Mapping[str, Any], plan: Plan) -> Iterator[Machines]:
    del plan
    scaled = inputs.get("enableAutoScaling")
    yield Machines(
        service=Service.AKS,
        resource=resource,
        instance_types=[inputs["vmSize"]],
        capacity=Capacity.SPOT if inputs.get("scaleSetPriority") == "Spot" else Capacity.ON_DEMAND,
        minimum=inputs["minCount"] if scaled else inputs["count"],
        maximum=inputs["maxCount"] if scaled else inputs["count"],
    )


def _endpoint(resource: Resource, inputs: Mapping[str, Any], plan: Plan) -> Iterator[Machines]:
    targets = {target.name: target.inputs for target in plan.of_type(SCALABLE_TARGET)}
    for variant in inputs["productionVariants"]:
        if "instanceType" in variant:
            size = targets.get(resource.name, {})
            yield Machines(
                service=Service.SAGEMAKER,
                resource=resource,
                instance_types=[variant["instanceType"]],
                capacity=Capacity.ON_DEMAND,
                minimum=size.get("minCapacity", variant["initialInstanceCount"]),
                maximum=size.get("maxCapacity", variant["initialInstanceCount"]),
            )


def _deployment(resource: Resource, inputs: Mapping[str, Any], plan: Plan) -> Iterator[Machines]:
    properties = inputs["properties"]
    if properties["endpointComputeType"] != "Managed":
        return  # its servers are pods on the stack's own nodes
    scaled = {setting.name: setting.inputs["profiles"] for setting in plan.of_type(AUTOSCALE_SETTING)}
    sizes = [profile["capacity"] for profile in scaled.get(resource.name, [])]
    yield Machines(
        service=Service.AZURE_ML,
        resource=resource,
        instance_types=[properties["instanceType"]],
        capacity=Capacity.ON_DEMAND,
        minimum=min((int(size["minimum"]) for size in sizes), default=inputs["sku"]["capacity"]),
        maximum=max((int(size["maximum"]) for size in sizes), default=inputs["sku"]["capacity"]),
    )


_READERS = {
    NODE_GROUP: _node_group,
    NODE_POOL: _node_pool,
    MANAGED_CLUSTER: _first_pools,
    AGENT_POOL: _agent_pool,
    ENDPOINT_CONFIGURATION: _endpoint,
    ONLINE_DEPLOYMENT: _deployment,
}
