"""Roles and instance profiles, which lists of tags leave out."""

from collections.abc import Iterator

from infra.audit.aws.removal import PULUMI
from infra.audit.leftover import Leftover
from infra.audit.subject import Subject
from infra.preflight.aws.client import Aws


def leftovers(aws: Aws, subject: Subject) -> Iterator[Leftover]:
    """Roles with the stack's tags; raises `Unanswerable`.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
    """
    roles = aws.ask_all("iam", "get_account_authorization_details", "RoleDetailList", Filter=["Role"])
    for role in roles:
        if subject.marks({tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}):
            name = role["RoleName"]
            yield Leftover(
                kind="iam:role",
                name=name,
                reason=PULUMI,
                remove=f"aws iam delete-role --role-name {name} (after its policies)",
                created=role["CreateDate"],
                known_as=frozenset({role["Arn"]}),
            )


def instance_profiles(aws: Aws, subject: Subject) -> Iterator[Leftover]:
    """Those that Karpenter made for its nodes; raises `Unanswerable`.

    https://github.com/aws/karpenter-provider-aws/blob/v1.14.1/pkg/providers/instanceprofile/instanceprofile.go
    """
    path = f"/karpenter/{aws.region}/{subject.name}/"
    for profile in aws.ask_all("iam", "list_instance_profiles", "InstanceProfiles", PathPrefix=path):
        name = profile["InstanceProfileName"]
        if profile["Path"].startswith(path):
            yield Leftover(
                kind="iam:instance-profile",
                name=name,
                reason="made by Karpenter for its nodes",
                remove=f"aws iam delete-instance-profile --instance-profile-name {name} (after its role is taken out)",
                created=profile["CreateDate"],
            )
