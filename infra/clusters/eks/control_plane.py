"""The EKS control plane: encrypted, logged, reached by named roles only."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.iam import Role, RoleArgs, trust
from infra.settings.eks import EksSettings

# https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
CLUSTER_ADMIN_POLICY = "eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@dataclass(frozen=True, kw_only=True)
class ControlPlaneArgs:
    """`subnet_ids` are private ones in at least two zones."""

    settings: EksSettings
    cluster_name: str
    partition: str
    subnet_ids: Sequence[pulumi.Input[str]]


class ControlPlane(pulumi.ComponentResource):
    """The managed control plane and who may reach it."""

    cluster: aws.eks.Cluster
    access: Sequence[pulumi.Resource]
    node_security_group_id: pulumi.Output[str | None]
    """The group that EKS makes for control plane and nodes; managed groups and Karpenter give nodes no other."""

    def __init__(self, name: str, args: ControlPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:ControlPlane", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        key = aws.kms.Key(
            f"{name}-secrets",
            description=f"Kubernetes secrets of {args.cluster_name}",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            opts=self._child,
        )
        # EKS would make this group itself, without retention, and leave it behind on destroy.
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/eks/{args.cluster_name}/cluster",
            retention_in_days=args.settings.log_retention_days,
            opts=self._child,
        )
        trust_policy = trust("eks.amazonaws.com", "sts:AssumeRole", "sts:TagSession")
        role_args = RoleArgs(
            partition=args.partition, trust_policy=trust_policy, managed_policies=["AmazonEKSClusterPolicy"]
        )
        role = Role(f"{name}-control-plane", role_args, self._child)
        self.cluster = self._cluster(name, args, role, key, logs)
        self.node_security_group_id = self.cluster.vpc_config.cluster_security_group_id
        self.access = [self._administrator(name, args, arn) for arn in args.settings.deployers]
        for arn, groups in args.settings.members.items():
            self._entry(name, arn, groups)
        self.register_outputs({"endpoint": self.cluster.endpoint})

    def _cluster(
        self, name: str, args: ControlPlaneArgs, role: Role, key: aws.kms.Key, logs: aws.cloudwatch.LogGroup
    ) -> aws.eks.Cluster:
        public = [str(cidr) for cidr in args.settings.public_access_cidrs]
        return aws.eks.Cluster(
            name,
            name=args.cluster_name,
            version=args.settings.kubernetes_version,
            role_arn=role.arn,
            # The add-ons are ours, as resources: the self-managed copies would never be updated.
            bootstrap_self_managed_addons=False,
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
            vpc_config={
                "subnet_ids": args.subnet_ids,
                "endpoint_private_access": True,
                "endpoint_public_access": bool(public),
                "public_access_cidrs": public or None,
            },
            encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
            enabled_cluster_log_types=["api", "audit", "authenticator", "controllerManager", "scheduler"],
            upgrade_policy={"support_type": "STANDARD"},
            deletion_protection=args.settings.deletion_protection,
            # EKS refuses the deletion only when half of the stack is gone; Pulumi refuses before it begins.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[role, logs], protect=args.settings.deletion_protection
            ),
        )

    def _entry(self, name: str, principal_arn: str, groups: Sequence[str] | None = None) -> aws.eks.AccessEntry:
        # One for each principal at most: https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
        return aws.eks.AccessEntry(
            entry_name(name, principal_arn),
            cluster_name=self.cluster.name,
            principal_arn=principal_arn,
            kubernetes_groups=groups,
            opts=self._child,
        )

    def _administrator(self, name: str, args: ControlPlaneArgs, principal_arn: str) -> pulumi.Resource:
        entry = self._entry(name, principal_arn)
        return aws.eks.AccessPolicyAssociation(
            entry_name(name, principal_arn),
            cluster_name=self.cluster.name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:{args.partition}:{CLUSTER_ADMIN_POLICY}",
            access_scope={"type": "cluster"},
            opts=self._child,
        )


def entry_name(prefix: str, principal_arn: str) -> str:
    """All that tells two principals apart: account, kind, path and name."""
    return f"{prefix}-{principal_arn.partition('::')[2]}"
