"""Who may do what: nobody everything, and no door for everybody."""

import json
from collections.abc import Iterator, Mapping, Sequence

from infra.policy.rule import Judged, Plain, Rule, Violation, at, each, is_map, is_unknown, must, of

ASSIGNMENT = "azure-native:authorization:RoleAssignment"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
PERMISSION = "aws:lambda/permission:Permission"
ROLE = "aws:iam/role:Role"
WHAT = frozenset({"aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy"})
"""Documents that say what a role may do."""
WHO = {
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:efs/fileSystemPolicy:FileSystemPolicy": "policy",
    ROLE: "assumeRolePolicy",
    "aws:kms/key:Key": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
}
"""Documents of whom something lets in, by the input that holds them. A VPC endpoint's gives no rights of its own."""
ADMINISTRATORS = frozenset({"AdministratorAccess", "PowerUserAccess", "IAMFullAccess"})
OWNERS = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}
"""https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"""


def statements(document: Plain) -> Iterator[tuple[int, Mapping[str, Plain]]]:
    """Yield what a policy allows without a condition, by its place; none where the document is not known yet."""
    parsed = json.loads(document) if isinstance(document, str) and not is_unknown(document) else document
    for number, statement in enumerate(_as_list(at(parsed, "Statement"))):
        if is_map(statement) and statement.get("Effect") == "Allow" and not statement.get("Condition"):
            yield number, statement


def everything(resource: Judged) -> Iterator[Violation]:
    """Every action on every resource, or a policy of AWS's own that comes to it."""
    if resource.type == ATTACHMENT:
        yield from must(resource.inputs, "policyArn", lambda found: str(found).rpartition("/")[2] not in ADMINISTRATORS)
    elif resource.type in WHAT:
        yield from _unbounded(at(resource.inputs, "policy"), "policy")
    for path, inline in each(resource.inputs, "inlinePolicies"):
        yield from _unbounded(at(inline, "policy"), f"{path}.policy")


def _unbounded(document: Plain, path: str) -> Iterator[Violation]:
    for number, statement in statements(document):
        actions, resources = _as_list(statement.get("Action")), _as_list(statement.get("Resource"))
        if {"*", "*:*"} & set(actions) and "*" in resources:
            yield Violation(f"{path}.Statement[{number}].Action", actions)


def everybody(resource: Judged) -> Iterator[Violation]:
    """A principal `*` without a condition is everybody who has an account with AWS."""
    if resource.type == PERMISSION:
        if not at(resource.inputs, "sourceArn") and not at(resource.inputs, "principalOrgId"):
            yield from must(resource.inputs, "principal", lambda found: found != "*")
        return
    path = WHO[resource.type]
    for number, statement in statements(at(resource.inputs, path)):
        principal = statement.get("Principal")
        named = principal.get("AWS") if is_map(principal) else principal
        if "*" in _as_list(named):
            yield Violation(f"{path}.Statement[{number}].Principal", principal)


def _as_list(value: Plain) -> Sequence[Plain]:
    return [value] if value is None or isinstance(value, str) or is_map(value) else value


RULES = [
    Rule(
        name="no-administrators",
        demands="No role may do everything.",
        fix="name the actions and the resources that it needs",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
        judges=lambda resource: resource.type in {ROLE, ATTACHMENT, *WHAT},
        check=everything,
    ),
    Rule(
        name="no-owners",
        demands="No identity owns, or gives roles in, what it works with in Azure.",
        fix="assign a role of the one service that it needs",
        source="https://learn.microsoft.com/azure/role-based-access-control/best-practices",
        judges=of(ASSIGNMENT),
        check=lambda resource: must(
            resource.inputs, "roleDefinitionId", lambda found: str(found).rpartition("/")[2] not in OWNERS
        ),
    ),
    Rule(
        name="no-everybody",
        demands="No policy lets everybody in.",
        fix="name the accounts, roles or services, or give the statement a condition",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
        judges=lambda resource: resource.type == PERMISSION or resource.type in WHO,
        check=everybody,
    ),
]
