"""Roles that pods take."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.iam import Role, RoleArgs, trust
from infra.clusters.eks.context import EksContext

# https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
POD_TRUST = trust("pods.eks.amazonaws.com", "sts:AssumeRole", "sts:TagSession")


def policy_file(name: str, **values: str) -> str:
    """A policy from `files/` as JSON text, its `$placeholders` filled. Raises KeyError when one has no value."""
    text = Path(__file__).with_name("files").joinpath(name).read_text(encoding="utf-8")
    # IAM counts characters without white space (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
    return json.dumps(json.loads(Template(text).substitute(values)), separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class PodRoleArgs:
    """Which service account takes the role, by EKS Pod Identity, and what the role may do."""

    context: EksContext
    service_account: str
    namespace: str = "kube-system"
    managed_policies: Sequence[str] = ()
    policy: pulumi.Input[str] | None = None


class PodRole(pulumi.ComponentResource):
    """A role that one service account's pods take; they must start after it to get its credentials."""

    def __init__(self, name: str, args: PodRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:PodRole", name, None, opts)
        role_args = RoleArgs(
            partition=args.context.aws.partition,
            trust_policy=POD_TRUST,
            managed_policies=args.managed_policies,
            policy=args.policy,
        )
        role = Role(name, role_args, pulumi.ResourceOptions(parent=self))
        association = aws.eks.PodIdentityAssociation(
            name,
            cluster_name=args.context.created_name,
            namespace=args.namespace,
            service_account=args.service_account,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
        self.register_outputs({"associationId": association.association_id})
