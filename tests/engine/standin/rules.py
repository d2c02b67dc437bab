"""What real clouds know and the SDKs' types do not: values they refuse, and properties they cannot change in place.

`aws-native` states its own (`replace_on_changes` in each of its classes), and the engine heeds them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from infra.preview.wire import Plain
from tests.engine.standin.clouds import Operation


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`refusal` says why an operation on a resource is refused, None where it is not."""

    types: Sequence[str]
    operations: Sequence[Operation]
    refusal: Callable[[Mapping[str, Plain]], str | None]
    source: str


NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
AGENT_POOL = "azure-native:containerservice:AgentPool"
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

ALL = ("*",)
REPLACED: Mapping[str, Sequence[str]] = {
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-eks-nodegroup.html
    NODE_GROUP: (
        *("amiType", "capacityType", "clusterName", "diskSize", "instanceTypes"),
        *("nodeGroupName", "nodeRoleArn", "subnetIds"),
    ),
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-eks-cluster.html
    "aws:eks/cluster:Cluster": ("name", "roleArn", "encryptionConfig", "bootstrapSelfManagedAddons"),
    # Neither has an update: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations.html
    "aws:sagemaker/model:Model": ALL,
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": ALL,
    # https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/gen/replacement.go
    AGENT_POOL: ("gpuInstanceProfile", "vmSize"),
    "azure-native:authorization:RoleAssignment": ("principalId", "scope"),
}
"""Properties whose change makes another object, by type; `ALL` but for the tags."""

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
    if frozen := _within(changed, FROZEN.get(type_, ())):
        return f"PropertyChangeNotAllowed: {', '.join(frozen)} cannot be changed"
    rules = [rule for rule in RULES if type_ in rule.types and operation in rule.operations]
    return next((said for rule in rules if (said := rule.refusal(inputs))), None)


def replaced(type_: str, changed: Sequence[str], old: Mapping[str, Plain], new: Mapping[str, Plain]) -> list[str]:
    """Those of the `changed` properties, paths among them, that only another object can have."""
    if type_.startswith("kubernetes:"):
        return _replaced_in_kubernetes(changed, old, new)
    table = REPLACED.get(type_, ())
    if table == ALL:
        return [path for path in changed if not path.startswith("tags")]
    return [path for path in changed if _is_name(type_, path) or _within([path], table)]


def _is_name(type_: str, path: str) -> bool:
    """Whether a property is the object's name; all parts of an ID in Azure end so."""
    return path == "name" or (type_.startswith("azure-native:") and path.endswith("Name") and "." not in path)


def _within(paths: Sequence[str], properties: Sequence[str]) -> list[str]:
    """Those of the paths that lie in one of the properties."""
    return [path for path in paths if path.partition(".")[0].partition("[")[0] in properties]


def _replaced_in_kubernetes(changed: Sequence[str], old: Mapping[str, Plain], new: Mapping[str, Plain]) -> list[str]:
    """https://github.com/pulumi/pulumi-kubernetes/blob/master/provider/pkg/provider/diff.go"""
    names = [path for path in changed if path in ("metadata.name", "metadata.namespace", "apiVersion", "kind")]
    frozen = old.get("immutable") and new.get("immutable")
    return names + [path for path in changed if frozen and path.startswith(("data", "stringData"))]
