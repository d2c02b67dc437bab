"""SageMaker's quotas: instances of a type behind endpoints, instances behind all of them, serverless concurrency.

https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from infra.machines import ENDPOINT_CONFIGURATION, Machines
from infra.preflight.answer import Answer, Status, unknown, warning
from infra.preflight.aws import quotas
from infra.preflight.aws.client import Aws
from infra.preflight.errors import Unanswerable
from infra.preflight.quota import room
from infra.preview import Plan

ALL_INSTANCES = "L-7A3DF611"
SERVERLESS = "L-96300102"
INSTANCES = "instances"


def questions(aws: Aws, plan: Plan, endpoints: Sequence[Machines]) -> Iterator[Answer]:
    """A row for each instance type, one for all of them, one for serverless endpoints."""
    needed = Counter[str]()
    for each in endpoints:
        needed[each.instance_types[0]] += each.maximum
    used = _others(aws, plan)
    by_type = _of_types(aws, needed)
    for name, count in needed.items():
        yield _of_type(aws, name, count, by_type.get(f"{name} for endpoint usage"), used, _update(endpoints, name))
    if needed:
        total = used if isinstance(used, Unanswerable) else used.total() - used[SERVERLESS]
        quota, asked = ("sagemaker", ALL_INSTANCES), f"quota {ALL_INSTANCES}, instances of all endpoints"
        yield quotas.row(aws, quota, asked, needed=needed.total(), used=total, unit=INSTANCES)
    if concurrency := _concurrency(plan):
        others = used if isinstance(used, Unanswerable) else used[SERVERLESS]
        quota, asked = ("sagemaker", SERVERLESS), f"quota {SERVERLESS}, concurrency of serverless endpoints"
        yield quotas.row(aws, quota, asked, needed=concurrency, used=others, unit="requests at once")


def _update(endpoints: Sequence[Machines], name: str) -> int:
    """The instances that the largest endpoint of the type has twice while an update moves traffic to the new ones."""
    return max(each.maximum for each in endpoints if name in each.instance_types)


def _of_type(
    aws: Aws, name: str, needed: int, quota: tuple[str, float] | None, used: Counter[str] | Unanswerable, update: int
) -> Answer:
    asked = f"quota of {name} for endpoints"
    if quota is None:
        return unknown(asked, Unanswerable("no such quota is listed", "is the type spelled as SageMaker spells it?"))
    code, limit = quota
    others = used if isinstance(used, Unanswerable) else used[name]
    answer = room(
        f"quota {code}, {name} for endpoints",
        needed=needed,
        limit=limit,
        used=others,
        unit=INSTANCES,
        fix=lambda wanted: quotas.request(aws, "sagemaker", code, wanted),
    )
    known = 0 if isinstance(others, Unanswerable) else others
    wanted = needed + update + known
    if answer.status is Status.OK and wanted > limit:
        found = f"{answer.found}; an update at full size runs {update} more until traffic has moved"
        return warning(answer.asked, found, quotas.request(aws, "sagemaker", code, wanted))
    return answer


def _of_types(aws: Aws, types: Mapping[str, int]) -> dict[str, tuple[str, float]]:
    """Code and value by name, the account's own before the defaults: these quotas have no codes to know in advance."""
    if not types:
        return {}
    found: dict[str, tuple[str, float]] = {}
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
        listed = aws.ask_all("service-quotas", operation, "Quotas", ServiceCode="sagemaker")
        found |= {each["QuotaName"]: (each["QuotaCode"], each["Value"]) for each in listed}
    return found


def _concurrency(plan: Plan) -> int:
    variants = (each for config in plan.of_type(ENDPOINT_CONFIGURATION) for each in config.inputs["productionVariants"])
    return sum(each["serverlessConfig"]["maxConcurrency"] for each in variants if "serverlessConfig" in each)


def _others(aws: Aws, plan: Plan) -> Counter[str] | Unanswerable:
    """Instances by type, and under `SERVERLESS` concurrency, of the account's endpoints that are not the stack's."""
    own = {endpoint.inputs["endpointName"] for endpoint in plan.of_type("aws-native:sagemaker:Endpoint")}
    found = Counter[str]()
    try:
        for each in aws.ask_all("sagemaker", "list_endpoints", "Endpoints"):
            if each["EndpointName"] not in own:
                found += _behind(aws, each["EndpointName"])
    except Unanswerable as reason:
        return reason
    return found


def _behind(aws: Aws, endpoint: str) -> Counter[str]:
    described = aws.ask("sagemaker", "describe_endpoint", EndpointName=endpoint)
    name = described["EndpointConfigName"]
    config = aws.ask("sagemaker", "describe_endpoint_config", EndpointConfigName=name)
    types = {each["VariantName"]: each.get("InstanceType") for each in config["ProductionVariants"]}
    counted = Counter[str]()
    for variant in described.get("ProductionVariants", []):
        if instance_type := types.get(variant["VariantName"]):
            counted[instance_type] += variant.get("CurrentInstanceCount", 0)
        counted[SERVERLESS] += variant.get("CurrentServerlessConfig", {}).get("MaxConcurrency", 0)
    return counted
