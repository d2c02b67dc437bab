"""IAM roles, with the policies that they need and who may take them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws


def policy(*statements: Mapping[str, Any]) -> str:
    """A policy document of `statements` (Action, Resource, Condition; Effect where it is not Allow), as JSON text."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]})


def trust(service: str, *actions: str) -> str:
    """The trust policy that lets an AWS service take a role, as JSON text."""
    return policy({"Principal": {"Service": service}, "Action": list(actions or ("sts:AssumeRole",))})


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
        super().__init__("inference:aws:Role", name, None, opts)
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
