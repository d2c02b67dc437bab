"""What machines cost, and what happens when nobody has spot machines left."""

import re
from collections.abc import Iterator, Sequence

from infra.policy.rule import Judged, Plain, StackRule, Violation, at, each, is_map
from infra.policy.rules.tags import default_tags

AGENT_POOL = "azure-native:containerservice:AgentPool"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
SAGEMAKER = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
AZURE_ML = "azure-native:machinelearningservices:OnlineDeployment"
CLOUDS = {AGENT_POOL: "Azure", NODE_GROUP: "AWS", NODE_POOL: "AWS"}
"""Whose machines a pool of nodes is made of; a stack has one cluster in each cloud."""

GPU_TYPE = re.compile(r"(ml\.)?[gp]\d\w*\..+|Standard_N.+")
"""https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html, https://learn.microsoft.com/azure/virtual-machines/sizes/overview"""
CAPACITY = "karpenter.sh/capacity-type"


def environment(stack: Sequence[Judged]) -> str:
    """Return the tag `environment` that the stack gives its resources; the stack's name where it gives none."""
    for resource in stack:
        for tags in (at(default_tags(resource), "defaultTags.tags"), at(resource.inputs, "tags")):
            if is_map(tags) and tags.get("environment"):
                return str(tags["environment"])
    return stack[0].urn.split(":")[2] if stack else ""


def instance_types(resource: Judged) -> list[Plain]:
    """Return the types of machine that a resource may run on."""
    if resource.type == NODE_GROUP:
        return list(at(resource.inputs, "instanceTypes") or ())
    if resource.type == NODE_POOL:
        return _requirement(resource, "node.kubernetes.io/instance-type")
    if resource.type == SAGEMAKER:
        return [at(variant, "instanceType") for _, variant in each(resource.inputs, "productionVariants")]
    return [at(resource.inputs, "vmSize" if resource.type == AGENT_POOL else "properties.instanceType")]


def has_gpus(resource: Judged) -> bool:
    """Tell whether some of its machines have GPUs."""
    if resource.type not in {*CLOUDS, SAGEMAKER, AZURE_ML}:
        return False
    return any(isinstance(found, str) and GPU_TYPE.fullmatch(found) for found in instance_types(resource))


def capacity_types(resource: Judged) -> set[str]:
    """Return `spot`, `on-demand` or both; managed endpoints have no spot machines."""
    if resource.type == NODE_GROUP:
        return {"spot" if at(resource.inputs, "capacityType") == "SPOT" else "on-demand"}
    if resource.type == AGENT_POOL:
        return {"spot" if at(resource.inputs, "scaleSetPriority") == "Spot" else "on-demand"}
    return set(_requirement(resource, CAPACITY)) if resource.type == NODE_POOL else {"on-demand"}


def _requirement(pool: Judged, key: str) -> list[Plain]:
    found = (each_ for _, each_ in each(pool.inputs, "spec.template.spec.requirements") if at(each_, "key") == key)
    return [value for requirement in found for value in at(requirement, "values") or ()]


def development(resource: Judged, stack: Sequence[Judged]) -> Iterator[Violation]:
    """It is paid by the hour, also while nobody works."""
    if environment(stack).startswith("dev") and "on-demand" in capacity_types(resource):
        yield Violation("capacity", "on-demand")


def fallback(resource: Judged, stack: Sequence[Judged]) -> Iterator[Violation]:
    """A zone may have no spot machines for hours."""
    if not environment(stack).startswith("prod") or capacity_types(resource) != {"spot"}:
        return
    beside = (other for other in stack if CLOUDS.get(other.type) == CLOUDS[resource.type] and has_gpus(other))
    if not any("on-demand" in capacity_types(other) for other in beside):
        yield Violation("capacity", "spot alone")


RULES = [
    StackRule(
        name="no-on-demand-gpu-in-dev",
        demands="Where the tag `environment` is dev, GPUs are spot machines.",
        fix="set `capacity: spot` on the pool, or leave the managed endpoint to production",
        source="https://docs.aws.amazon.com/whitepapers/latest/cost-optimization-leveraging-ec2-spot-instances/",
        judges=has_gpus,
        compare=development,
    ),
    StackRule(
        name="spot-has-a-fallback",
        demands="Where the tag `environment` is prod, GPU spot pools have on-demand ones beside them.",
        fix="add a pool with `capacity: on-demand` and `min: 0`: it costs nothing until spot machines run out",
        source="https://karpenter.sh/docs/concepts/nodepools/",
        judges=lambda resource: resource.type in CLOUDS and has_gpus(resource),
        compare=fallback,
    ),
]
