"""What is billed by use alone, and what a million requests come to where a duration is all it takes."""

from collections.abc import Iterator
from typing import Any

from infra.cost.prices import Cloud, PriceTable
from infra.cost.unpriced import used
from infra.cost.volumes import EKS_CLUSTER, MANAGED_CLUSTER
from infra.machines import ENDPOINT_CONFIGURATION
from infra.preview.plan import Plan

SECONDS = 0.1
"""Duration of a request, for an example."""
TRAFFIC = "traffic through NAT gateways, load balancers and endpoints, between zones and to the internet"
FUNCTION = "aws:lambda/function:Function"


def by_use(plan: Plan) -> list[str]:
    """What the plan has that is billed by use, each kind once."""
    types = {resource.type for resource in plan.resources}
    found = {reason for kind, reason in used().items() if kind in types}
    return sorted(found | ({TRAFFIC} if types & {EKS_CLUSTER, MANAGED_CLUSTER} else set()))


def per_million(plan: Plan, table: PriceTable, region: str) -> Iterator[str]:
    """Yield what a million requests of `SECONDS` cost, for each function and serverless endpoint in the AWS region."""
    for name, gib, requests, memory in _serverless(plan):
        items = [table.item(Cloud.AWS, region, item) for item in (requests, memory) if item]
        prices = [item.price for item in items if item]
        if len(prices) < len(items):
            yield f"{name}: no price for {memory} in {region}; add it to infra/cost/prices.yaml"
        else:
            total = 1e6 * SECONDS * gib * prices[-1] + sum(prices[:-1])
            yield f"{name}: {total:.2f} for a million requests of {SECONDS * 1000:g} ms with {gib * 1024:g} MiB"


def _serverless(plan: Plan) -> Iterator[tuple[str, float, str, str]]:
    for function in plan.of_type(FUNCTION):
        yield f"Lambda {function.name}", function.inputs["memorySize"] / 1024, "Lambda requests", "Lambda memory"
    for endpoint in plan.of_type(ENDPOINT_CONFIGURATION):
        for variant in endpoint.inputs["productionVariants"]:
            if config := _config(variant):
                yield f"SageMaker {endpoint.name}", config["memorySizeInMb"] / 1024, "", "SageMaker serverless memory"


def _config(variant: dict[str, Any]) -> dict[str, Any]:
    return variant.get("serverlessConfig") or {}
