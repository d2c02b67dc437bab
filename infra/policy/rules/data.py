"""What holds data is kept as long as it should be: not lost by accident, not kept for ever."""

from collections.abc import Iterator, Sequence

from infra.policy.rule import Judged, Level, Rule, StackRule, Violation, must, of
from infra.policy.rules.encryption import BUCKET, FILES, REPOSITORY, STORAGE_ACCOUNT
from infra.policy.rules.exposure import AKS, EKS, REGISTRY

CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
LOG_WORKSPACE = "azure-native:operationalinsights:Workspace"
STORES = frozenset({BUCKET, CLAIM, FILES, REGISTRY, REPOSITORY, STORAGE_ACCOUNT})


def protected(resource: Judged, stack: Sequence[Judged]) -> Iterator[Violation]:
    """A stack whose cluster is protected means to last."""
    is_lasting = any(other.protect for other in stack if other.type in (EKS, AKS))
    if is_lasting and not resource.protect:
        yield Violation("protect", resource.protect)


RULES = [
    StackRule(
        name="data-protected",
        demands="Where clusters are protected from deletion, what holds data is too.",
        fix="set `deleteData: false`, `deleteImages: false` or `deletionProtection: true` on its block",
        source="https://www.pulumi.com/docs/iac/concepts/resources/options/protect/",
        judges=lambda resource: resource.type in STORES,
        compare=protected,
    ),
    Rule(
        name="logs-end",
        demands="Every log store says how long it keeps what it has.",
        fix="set `retentionInDays`; without it CloudWatch keeps logs, and their bill, for ever",
        source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",
        level=Level.ADVISORY,
        judges=of(LOG_GROUP, LOG_WORKSPACE),
        check=lambda resource: must(resource.inputs, "retentionInDays", bool),
    ),
]
