"""Managed node groups: the system nodes, and the GPU nodes that are always there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_aws as aws
from pulumi_aws.ec2 import LaunchTemplateBlockDeviceMappingEbsArgsDict
from pulumi_aws.eks import NodeGroupScalingConfigArgsDict, NodeGroupTaintArgsDict

from infra.clouds.aws.iam import Role
from infra.clusters.eks.context import EksContext
from infra.clusters.gpu import NODE_LABEL, NODE_TAINT, POOL_LABEL
from infra.settings.clusters import SYSTEM_POOL, Capacity
from infra.settings.eks import LATEST, EksSettings, GpuPoolSettings

ROOT_DEVICE = "/dev/xvda"
"""The root volume's device on Amazon Linux 2023."""

CAPACITY_LABEL = "eks.amazonaws.com/capacityType"

# https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html; the CNI has a role of its own.
NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")

# Kubernetes' names of taint effects, and EKS's (https://docs.aws.amazon.com/eks/latest/APIReference/API_Taint.html).
EKS_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE"}


class AmiType(StrEnum):
    """EKS-optimised images (https://docs.aws.amazon.com/eks/latest/APIReference/API_Nodegroup.html)."""

    STANDARD = "AL2023_x86_64_STANDARD"
    NVIDIA = "AL2023_x86_64_NVIDIA"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What all groups of a cluster share: subnets, the nodes' role, and what must be there before the first node."""

    context: EksContext
    subnet_ids: Sequence[pulumi.Input[str]]
    role: Role
    after: Sequence[pulumi.Resource]


@dataclass(frozen=True, kw_only=True)
class NodeGroupArgs:
    """`size` is the number of nodes, from first to last: Karpenter adds its own beside the group.

    Of a `scheduled` group it is the first number only; `infra.clusters.eks.office_hours` sets it from then on.
    """

    placement: Placement
    ami_type: AmiType
    capacity: Capacity
    instance_types: Sequence[str]
    size: int
    disk_gib: int
    labels: Mapping[str, str]
    taints: Sequence[NodeGroupTaintArgsDict] = ()
    scheduled: bool = False


class NodeGroup(pulumi.ComponentResource):
    """A managed node group with its launch template, changed without downtime.

    Rolled in place: `amiRelease`, Kubernetes' version, disk size and tags, the latter two through a new version of the
    template. EKS starts new nodes first, then drains the old ones, one at a time and within every PodDisruptionBudget;
    where a budget allows no eviction for 15 minutes the update fails, and no pod is forced
    (https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html). A new template without a new
    release takes the newest image, because the provider then names none; the next change of `amiRelease` pins it again.

    Replaced: instance types, capacity, kind of image, subnets, role
    (https://www.pulumi.com/registry/packages/aws/api-docs/eks/nodegroup/). Neither group nor template has a name of
    ours, so Pulumi makes the new group, waits until its nodes run, and only then deletes the old one, which EKS drains
    for up to five minutes a node (https://docs.aws.amazon.com/eks/latest/userguide/delete-managed-node-group.html).

    Labels, taints and sizes change without touching a running node.
    """

    group: aws.eks.NodeGroup

    def __init__(self, name: str, args: NodeGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:NodeGroup", name, None, opts)
        placement, context = args.placement, args.placement.context
        template = self._template(name, args)
        self.group = aws.eks.NodeGroup(
            name,
            cluster_name=context.created_name,
            version=context.eks.kubernetes_version,
            release_version=release_version(context.eks),
            node_role_arn=placement.role.arn,
            subnet_ids=placement.subnet_ids,
            ami_type=args.ami_type.value,
            capacity_type=args.capacity.name,
            instance_types=args.instance_types,
            scaling_config=scaling(args.size),
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            labels=args.labels,
            taints=args.taints,
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[placement.role, *placement.after],
                ignore_changes=["scalingConfig"] if args.scheduled else None,
            ),
        )
        self.register_outputs({"nodeGroupName": self.group.node_group_name})

    def _template(self, name: str, args: NodeGroupArgs) -> aws.ec2.LaunchTemplate:
        context = args.placement.context
        root: LaunchTemplateBlockDeviceMappingEbsArgsDict = {
            "volume_size": args.disk_gib,
            "volume_type": "gp3",
            "encrypted": "true",
            "delete_on_termination": "true",
        }
        return aws.ec2.LaunchTemplate(
            name,
            block_device_mappings=[{"device_name": ROOT_DEVICE, "ebs": root}],
            # IMDSv2 only, and one hop, so that pods cannot take the node's role.
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            # The provider's default tags stop at the template; these go on to what it launches.
            tag_specifications=[
                {"resource_type": kind, "tags": {**context.tags, "Name": f"{context.name}-{name}"}}
                for kind in ("instance", "volume", "network-interface")
            ],
            update_default_version=True,
            opts=pulumi.ResourceOptions(parent=self),
        )


def release_version(settings: EksSettings) -> str | None:
    """The groups' image; None lets EKS take the newest when it makes a group or changes its Kubernetes version."""
    return None if settings.ami_release == LATEST else settings.ami_release


def scaling(size: int) -> NodeGroupScalingConfigArgsDict:
    """A fixed number of nodes. EKS refuses a maximum of 0."""
    return {"min_size": size, "max_size": max(size, 1), "desired_size": size}


def gpu_node_labels(pool: str) -> dict[str, str]:
    """The labels of every node of a GPU pool, whether a managed group or Karpenter starts it."""
    return dict([NODE_LABEL]) | {POOL_LABEL: pool}


def system_group(placement: Placement) -> NodeGroupArgs:
    """The nodes for controllers and monitoring."""
    pool = placement.context.eks.system_pool
    return NodeGroupArgs(
        placement=placement,
        ami_type=AmiType.STANDARD,
        capacity=Capacity.ON_DEMAND,
        instance_types=pool.instance_types,
        size=pool.nodes,
        disk_gib=pool.disk_gib,
        labels={POOL_LABEL: SYSTEM_POOL},
    )


def gpu_group(placement: Placement, name: str, pool: GpuPoolSettings) -> NodeGroupArgs:
    """The nodes of a GPU pool that are always there."""
    key, value, effect = NODE_TAINT
    return NodeGroupArgs(
        placement=placement,
        ami_type=AmiType.NVIDIA,
        capacity=pool.capacity,
        instance_types=pool.instance_types,
        size=pool.min,
        disk_gib=pool.disk_gib,
        labels=gpu_node_labels(name),
        taints=[{"key": key, "value": value, "effect": EKS_EFFECTS[effect]}],
        scheduled=placement.context.hours(pool) is not None,
    )
