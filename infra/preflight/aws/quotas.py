"""Service quotas: their values, and the command that asks for more."""

from infra.preflight.answer import Answer, unknown
from infra.preflight.aws.client import Aws
from infra.preflight.errors import Absent, Unanswerable
from infra.preflight.quota import room
from infra.preview import Plan


def value(aws: Aws, service: str, code: str) -> float:
    """The quota that holds for the account, AWS's default where it has none of its own; raises `Unanswerable`."""
    names = {"ServiceCode": service, "QuotaCode": code}
    try:
        return aws.ask("service-quotas", "get_service_quota", **names)["Quota"]["Value"]
    except Absent:
        return aws.ask("service-quotas", "get_aws_default_service_quota", **names)["Quota"]["Value"]


def row(aws: Aws, quota: tuple[str, str], asked: str, *, needed: int, used: float | Unanswerable, unit: str) -> Answer:
    """Whether the quota, a service and a code, has room for what the stack needs."""
    service, code = quota
    try:
        limit = value(aws, service, code)
    except Unanswerable as reason:
        return unknown(asked, reason)
    return room(
        asked,
        needed=needed,
        limit=limit,
        used=used,
        unit=unit,
        fix=lambda wanted: request(aws, service, code, wanted),
    )


def request(aws: Aws, service: str, code: str, wanted: int) -> str:
    """The command that asks for a quota of `wanted`."""
    return (
        f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
        f"--desired-value {wanted} --region {aws.region}"
    )


def is_of(plan: Plan, tags: list[dict[str, str]] | None) -> bool:
    """Whether something with these tags is the stack's own, so that it takes no room from it."""
    named = {tag["Key"]: tag["Value"] for tag in tags or []}
    return named.get("project") == plan.project and named.get("stack") == plan.stack
