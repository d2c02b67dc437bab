"""EKS add-ons: what nodes need before they start, and what runs on them after."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.clusters.eks.context import EksContext
from infra.clusters.eks.pod_role import PodRole, PodRoleArgs


@dataclass(frozen=True, kw_only=True)
class Addon:
    """One add-on; `configuration` follows its own schema (`aws eks describe-addon-configuration`).

    A `service_account` of kube-system gets a role with the managed policy. No version is given: EKS installs its
    default for the cluster's Kubernetes version and leaves it there.
    """

    name: str
    configuration: Mapping[str, Any] = field(default_factory=dict[str, Any])
    service_account: str | None = None
    managed_policy: str | None = None


# The API server accepts NetworkPolicies without enableNetworkPolicy too, but nothing would enforce them
# (https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html).
NODE_ADDONS = (
    Addon(name="eks-pod-identity-agent"),
    Addon(name="kube-proxy"),
    Addon(
        name="vpc-cni",
        configuration={"enableNetworkPolicy": "true"},
        service_account="aws-node",
        managed_policy="AmazonEKS_CNI_Policy",
    ),
)
"""Credentials, network and proxy: they run on every node, so they are there before the first."""

VOLUME_DRIVER = "aws-ebs-csi-driver"

CLUSTER_ADDONS = (
    Addon(name="coredns"),
    Addon(name="metrics-server"),
)
"""Names and pod metrics: they need nodes to run on."""

SHARED_STORAGE_ADDON = Addon(
    name="aws-efs-csi-driver",
    service_account="efs-csi-controller-sa",
    managed_policy="service-role/AmazonEFSCSIDriverPolicy",
)
"""Volumes in EFS (https://docs.aws.amazon.com/eks/latest/userguide/efs-csi.html)."""


def cluster_addons(context: EksContext) -> list[Addon]:
    """What runs on the cluster's nodes."""
    volumes = volume_driver(context.tags)
    return [*CLUSTER_ADDONS, volumes, *([SHARED_STORAGE_ADDON] if context.eks.shared_storage else [])]


def volume_driver(tags: Mapping[str, str]) -> Addon:
    """Volumes in EBS, each with `tags` (https://docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html)."""
    return Addon(
        name=VOLUME_DRIVER,
        configuration={"controller": {"extraVolumeTags": dict(tags)}},
        service_account="ebs-csi-controller-sa",
        managed_policy="service-role/AmazonEBSCSIDriverPolicy",
    )


class Addons(pulumi.ComponentResource):
    """Managed add-ons, side by side, each with the role it needs."""

    def __init__(
        self,
        name: str,
        context: EksContext,
        addons: Sequence[Addon],
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inference:clusters:Addons", name, None, opts)
        self._name, self._context = name, context
        installed = [self._install(addon, after) for addon in addons]
        self.register_outputs({"addons": [addon.addon_name for addon in installed]})

    def _install(self, addon: Addon, after: Sequence[pulumi.Resource]) -> aws.eks.Addon:
        return aws.eks.Addon(
            f"{self._name}-{addon.name}",
            addon_name=addon.name,
            cluster_name=self._context.created_name,
            configuration_values=json.dumps(addon.configuration) if addon.configuration else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[*after, *self._roles(addon)], hooks=self._drain(addon)
            ),
        )

    def _drain(self, addon: Addon) -> pulumi.ResourceHookBinding | None:
        drains = self._context.drains
        return drains.of_volumes if drains and addon.name == VOLUME_DRIVER else None

    def _roles(self, addon: Addon) -> list[PodRole]:
        if addon.service_account is None or addon.managed_policy is None:
            return []
        args = PodRoleArgs(
            context=self._context, service_account=addon.service_account, managed_policies=[addon.managed_policy]
        )
        return [PodRole(f"{self._name}-{addon.name}", args, pulumi.ResourceOptions(parent=self))]
