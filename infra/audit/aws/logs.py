"""Log groups, which services make again after their deletion, without tags, when a last line comes in."""

from collections.abc import Iterator
from datetime import UTC, datetime

from infra.audit.aws.arn import Arn
from infra.audit.aws.removal import command
from infra.audit.leftover import Leftover
from infra.audit.subject import Subject
from infra.preflight.aws.client import Aws

ENDPOINTS = ("real-time", "asynchronous", "serverless")
REASON = (
    "made again by a service that wrote a last line after its deletion, or kept; without retention it stays for ever"
)


def groups(subject: Subject) -> frozenset[str]:
    """Names of those that the stack's services write to.

    https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html
    """
    endpoints = {f"/aws/sagemaker/Endpoints/{subject.name}-{kind}" for kind in ENDPOINTS}
    clusters = {f"/aws/eks/{subject.name}/{kind}" for kind in ("cluster", "pods")}
    return frozenset({f"/aws/lambda/{subject.name}", *endpoints, *clusters})


def leftovers(aws: Aws, subject: Subject) -> Iterator[Leftover]:
    """Those of them that are there; raises `Unanswerable`."""
    for name in sorted(groups(subject)):
        found = aws.ask_all("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        for group in found:
            if group["logGroupName"] == name:
                arn = Arn.of(group["arn"].removesuffix(":*"))
                created = datetime.fromtimestamp(group["creationTime"] / 1000, UTC)
                remove = command(arn, aws.region)
                known_as = frozenset({arn.text})
                yield Leftover(
                    kind=arn.kind, name=arn.name, reason=REASON, remove=remove, created=created, known_as=known_as
                )
