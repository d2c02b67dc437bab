"""IAM policy documents and the roles that nodes and pods take."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import pulumi
import pulumi_aws as aws

from infra.clusters.eks.context import EksContext


def trust(service: str, *actions: str) -> str:
    """The trust policy that lets an AWS service take a role, as JSON text."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": list(actions or ("sts:AssumeRole",)),
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def policy_file(name: str, **values: str) -> str:
    """A policy from `files/` as JSON text, its `$placeholders` filled. Raises KeyError when one has no value."""
    text = Path(__file__).with_name("files").joinpath(name).read_text(encoding="utf-8")
    # IAM counts characters without white space (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
    return json.dumps(json.loads(Template(text).substitute(values)), separators=(",", ":"))


# https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
POD_TRUST = trust("pods.eks.amazonaws.com", "sts:AssumeRole", "sts:TagSession")


@dataclass(frozen=True, kw_only=True)
class RoleArgs:
    """`managed_policies` are names below `arn:<partition>:iam::aws:policy/`, `policy` an inline document."""

    partition: str
    trust_policy: str
    managed_policies: Sequence[str] = ()
    policy: pulumi.Input[str] | None = None


class Role(pulumi.ComponentResource):
    """An IAM role with its policies; whoever depends on it finds them attached."""

    arn: pulumi.Output[str]
    role_name: pulumi.Output[str]

    def __init__(self, name: str, args: RoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:Role", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(name, assume_role_policy=args.trust_policy, opts=child)
        for policy in args.managed_policies:
            arn = f"arn:{args.partition}:iam::aws:policy/{policy}"
            short = policy.rsplit("/", 1)[-1]
            aws.iam.RolePolicyAttachment(f"{name}-{short}", role=role.name, policy_arn=arn, opts=child)
        if args.policy is not None:
            aws.iam.RolePolicy(name, role=role.name, policy=args.policy, opts=child)
        self.arn = role.arn
        self.role_name = role.name
        self.register_outputs({"arn": self.arn, "roleName": self.role_name})


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
