"""What real clouds know and the SDKs' types do not: the values and the changes that they refuse."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from infra.difference.replacement import AGENT_POOL, NODE_GROUP, within
from infra.preview.wire import Plain
from tests.engine.standin.clouds import Operation


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`refusal` says why an operation on a resource is refused, None where it is not."""

    types: Sequence[str]
    operations: Sequence[Operation]
    refusal: Callable[[Mapping[str, Plain]], str | None]
    source: str


MADE = (Operation.CREATE, Operation.UPDATE)


def _node_group_sizes(inputs: Mapping[str, Plain]) -> str | None:
    sizes = inputs["scalingConfig"]
    least, wanted, most = (int(sizes[key]) for key in ("minSize", "desiredSize", "maxSize"))
    refused = f"InvalidParameterException: desired {wanted} is not between minimum {least} and maximum {most}"
    return None if least <= wanted <= most and most >= 1 else refused


def _agent_pool_counts(inputs: Mapping[str, Plain]) -> str | None:
    if not inputs.get("enableAutoScaling"):
        return None
    least, most = int(inputs["minCount"]), int(inputs["maxCount"])
    if least <= int(inputs.get("count", least)) <= most and (inputs.get("mode") != "System" or least >= 1):
        return None
    return f"InvalidParameter: count {inputs.get('count')} is not between minimum {least} and maximum {most}"


def _protected_cluster(inputs: Mapping[str, Plain]) -> str | None:
    refused = "InvalidRequestException: deletion protection is enabled on the cluster"
    return refused if inputs.get("deletionProtection") else None


def _full_repository(inputs: Mapping[str, Plain]) -> str | None:
    refused = "RepositoryNotEmptyException: the repository still holds images"
    return None if inputs.get("forceDelete") else refused


def _full_bucket(inputs: Mapping[str, Plain]) -> str | None:
    refused = "BucketNotEmpty: the bucket you tried to delete is not empty"
    return None if inputs.get("forceDestroy") else refused


RULES = (
    Rule(
        types=[NODE_GROUP],
        operations=MADE,
        refusal=_node_group_sizes,
        source="https://docs.aws.amazon.com/eks/latest/APIReference/API_NodegroupScalingConfig.html",
    ),
    Rule(
        types=[AGENT_POOL],
        operations=MADE,
        refusal=_agent_pool_counts,
        source="https://learn.microsoft.com/en-us/azure/aks/cluster-autoscaler",
    ),
    Rule(
        types=["aws:eks/cluster:Cluster"],
        operations=[Operation.DELETE],
        refusal=_protected_cluster,
        source="https://docs.aws.amazon.com/eks/latest/userguide/deletion-protection.html",
    ),
    Rule(
        types=["aws:ecr/repository:Repository"],
        operations=[Operation.DELETE],
        refusal=_full_repository,
        source="https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html",
    ),
    Rule(
        types=["aws:s3/bucket:Bucket"],
        operations=[Operation.DELETE],
        refusal=_full_bucket,
        source="https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html",
    ),
)

FROZEN: Mapping[str, Sequence[str]] = {
    # https://learn.microsoft.com/en-us/azure/aks/manage-node-pools and /spot-node-pool, /use-nvidia-gpu
    AGENT_POOL: (
        *("availabilityZones", "gpuProfile", "osDiskSizeGB", "osDiskType", "scaleSetEvictionPolicy"),
        *("scaleSetPriority", "spotMaxPrice", "vnetSubnetID"),
    ),
    # https://learn.microsoft.com/en-us/azure/container-instances/container-instances-update
    "azure-native:containerinstance:ContainerGroup": ("osType", "priority", "subnetIds", "zones"),
    # https://learn.microsoft.com/en-us/azure/machine-learning/how-to-manage-environments-v2
    "azure-native:machinelearningservices:EnvironmentVersion": ("properties",),
}
"""Properties that a cloud refuses to change and its provider does not replace: the component must ask for that."""

REVISED: Mapping[str, Sequence[str]] = {
    "aws:ec2/launchTemplate:LaunchTemplate": ("latestVersion",),
    "aws:lambda/function:Function": ("version", "qualifiedArn", "qualifiedInvokeArn"),
}
"""Outputs that are others after each update."""


def refusal(type_: str, operation: Operation, inputs: Mapping[str, Plain], changed: Sequence[str] = ()) -> str | None:
    """Why a cloud refuses that, None where it does not; `changed` are the paths that an update changes."""
    if frozen := within(changed, FROZEN.get(type_, ())):
        return f"PropertyChangeNotAllowed: {', '.join(frozen)} cannot be changed"
    rules = [rule for rule in RULES if type_ in rule.types and operation in rule.operations]
    return next((said for rule in rules if (said := rule.refusal(inputs))), None)
