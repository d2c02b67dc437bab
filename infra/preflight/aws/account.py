"""Who asks: the stack's account, as one of its deployers."""

import re
from collections.abc import Iterator
from typing import NamedTuple, Self

from infra.preflight.answer import Answer, failed, ok
from infra.preflight.aws.client import SIGN_IN, Aws
from infra.preview import Plan

ADMINISTRATES = "AmazonEKSClusterAdminPolicy"
ASSUMED = re.compile(r"arn:[^:]+:sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/.+")


class Principal(NamedTuple):
    """An IAM role or user; its path is left out, since a session does not tell its role's."""

    account: str
    kind: str
    name: str

    @classmethod
    def of(cls, arn: str) -> Self:
        """The one that an ARN names, or whose session it is."""
        if session := ASSUMED.fullmatch(arn):
            return cls(session["account"], "role", session["role"])
        _, _, _, _, account, resource = arn.split(":", 5)
        kind, _, path = resource.partition("/")
        return cls(account, kind, path.rpartition("/")[2])


def questions(aws: Aws, plan: Plan) -> Iterator[Answer]:
    """Whether the caller is in the account that the provider insists on, and may enter the cluster that it makes."""
    wanted, caller = account(plan), aws.ask("sts", "get_caller_identity")
    found = f"{caller['Account']}, as {caller['Arn']}"
    if caller["Account"] == wanted:
        yield ok("account", found)
    else:
        yield failed("account", f"{found}; the stack's is {wanted}", SIGN_IN)
    deployers = [
        entry.inputs["principalArn"]
        for entry in plan.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
        if str(entry.inputs["policyArn"]).endswith(ADMINISTRATES)
    ]
    if deployers:
        yield _deployer(caller["Arn"], deployers)


def _deployer(arn: str, deployers: list[str]) -> Answer:
    asked = "deployer of the cluster"
    caller = Principal.of(arn)
    if caller in map(Principal.of, deployers):
        return ok(asked, caller.name)
    fix = f"use one of {', '.join(deployers)}, or add yours to eks.deployers"
    return failed(asked, f"{arn} has no rights in the cluster, so nothing could be installed there", fix)


def account(plan: Plan) -> str:
    """The account that the stack's provider allows."""
    return plan.one("pulumi:providers:aws").inputs["allowedAccountIds"][0]
