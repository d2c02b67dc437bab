"""Which inputs cannot change in place, as far as it is known without asking a provider.

`aws-native` and components state their own (`replaceOnChanges`); the engine's preview knows them all.
"""

import re
from collections.abc import Mapping, Sequence

from infra.preview.wire import Plain

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
AGENT_POOL = "azure-native:containerservice:AgentPool"

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


def replaced(type_: str, changed: Sequence[str], old: Mapping[str, Plain], new: Mapping[str, Plain]) -> list[str]:
    """Those of the `changed` properties, paths among them, that only another object can have."""
    if type_.startswith("kubernetes:"):
        return _replaced_in_kubernetes(changed, old, new)
    table = REPLACED.get(type_, ())
    if table == ALL:
        return [path for path in changed if not path.startswith("tags")]
    return [path for path in changed if _is_name(type_, path) or within([path], table)]


def asked_for(changed: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Those of the paths that a resource's `replaceOnChanges` names; `[*]` stands for each item, `*` for all."""
    wanted = [pattern for pattern in patterns if pattern != "*"]
    if len(wanted) < len(patterns):
        return list(changed)
    return [path for path in changed if any(lies_in(re.sub(r"\[\d+\]", "[*]", path), each) for each in wanted)]


def lies_in(path: str, above: str) -> bool:
    """Tell whether `path` is `above` or lies below it."""
    return path == above or path.startswith((f"{above}.", f"{above}["))


def within(paths: Sequence[str], properties: Sequence[str]) -> list[str]:
    """Those of the paths that lie in one of the properties."""
    return [path for path in paths if any(lies_in(path, each) for each in properties)]


def _is_name(type_: str, path: str) -> bool:
    """Whether a property is the object's name; all parts of an ID in Azure end so."""
    return path == "name" or (type_.startswith("azure-native:") and path.endswith("Name") and "." not in path)


def _replaced_in_kubernetes(changed: Sequence[str], old: Mapping[str, Plain], new: Mapping[str, Plain]) -> list[str]:
    """https://github.com/pulumi/pulumi-kubernetes/blob/master/provider/pkg/provider/diff.go"""
    names = [path for path in changed if path in ("metadata.name", "metadata.namespace", "apiVersion", "kind")]
    frozen = old.get("immutable") and new.get("immutable")
    return names + [path for path in changed if frozen and path.startswith(("data", "stringData"))]
