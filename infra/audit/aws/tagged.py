"""Whatever has tags: the stack's own, and those that a cluster's controllers put on what they make.

https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.audit.aws.arn import Arn
from infra.audit.aws.described import existing
from infra.audit.aws.removal import command, reason
from infra.audit.leftover import Leftover
from infra.audit.subject import Subject
from infra.preflight.aws.client import Aws

HISTORY = frozenset({"ec2:spot-instances-request", "ec2:fleet"})
"""What stays in lists for days, costs nothing and cannot be deleted."""

Filters = list[dict[str, Any]]


def owners(subject: Subject) -> Iterator[Filters]:
    """What to ask for: the stack's two tags together, then each tag that names its cluster."""
    yield [{"Key": "project", "Values": [subject.project]}, {"Key": "stack", "Values": [subject.stack]}]
    # https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html
    yield [{"Key": f"kubernetes.io/cluster/{subject.name}"}]
    for key in (
        "aws:eks:cluster-name",
        "eks:cluster-name",
        "elbv2.k8s.aws/cluster",
        "cluster.k8s.amazonaws.com/name",
        "ebs.csi.aws.com/cluster-name",
    ):
        yield [{"Key": key, "Values": [subject.name]}]


def leftovers(aws: Aws, subject: Subject) -> Iterator[Leftover]:
    """All that any of them finds and that is really there; raises `Unanswerable`."""
    tags: dict[Arn, Mapping[str, str]] = {}
    for filters in owners(subject):
        answers = aws.ask_all("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters)
        tags |= {Arn.of(each["ResourceARN"]): {tag["Key"]: tag["Value"] for tag in each["Tags"]} for each in answers}
    asked = [arn for arn in tags if arn.kind not in HISTORY]
    for arn, existence in existing(aws, asked).items():
        yield Leftover(
            kind=arn.kind,
            name=arn.name,
            reason=reason(arn, tags[arn]),
            remove=command(arn, aws.region),
            created=existence.created,
            ends=existence.ends,
            # The IDs of EC2 are nobody else's; a function and a cluster may well have one name.
            known_as=frozenset({arn.text, arn.name} if arn.kind.startswith("ec2:") else {arn.text}),
        )
