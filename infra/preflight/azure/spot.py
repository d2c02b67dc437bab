"""What spot nodes cost, from the price list that anyone may read.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from infra.machines import Machines
from infra.preflight import http, spot_price
from infra.preflight.answer import Answer, failed, warning
from infra.settings.aks import UP_TO_ON_DEMAND_PRICE
from infra.settings.prices import Prices, PriceSettings

PRICES = "https://prices.azure.com/api/retail/prices"


def questions(pools: Sequence[Machines], location: str, stated: Prices) -> Iterator[Answer]:
    """A row for each spot pool: its size's price, beside that on demand, the stack file's and the pool's limit."""
    for pool in pools:
        yield _row(pool, location, _listed(pool.instance_types[0], location), stated.get(pool.instance_types[0]))


def _listed(size: str, location: str) -> list[Mapping[str, Any]]:
    wanted = (
        f"serviceName eq 'Virtual Machines' and priceType eq 'Consumption' "
        f"and armRegionName eq '{location}' and armSkuName eq '{size}'"
    )
    items = http.json_of(f"{PRICES}?{urlencode({'$filter': wanted}, quote_via=quote)}")["Items"]
    return [each for each in items if "Windows" not in each["productName"]]


def _row(pool: Machines, location: str, listed: Sequence[Mapping[str, Any]], stated: PriceSettings | None) -> Answer:
    asked, name = f"spot price for {pool.name}", pool.instance_types[0]
    spot = [each["retailPrice"] for each in listed if each["skuName"].endswith(" Spot")]
    usual = [each["retailPrice"] for each in listed if not each["skuName"].endswith((" Spot", " Low Priority"))]
    if not spot:
        return warning(asked, "no spot price is listed", "choose another vmSize, or an on-demand pool")
    limit = pool.resource.inputs.get("spotMaxPrice", UP_TO_ON_DEMAND_PRICE)
    if 0 < limit < spot[0]:
        found = f"{spot[0]:.4f} USD an hour; the pool pays {limit:g} at most"
        return failed(asked, found, "raise maxPrice of the pool, or leave it out")
    return spot_price.verdict(asked, name, {location: spot[0]}, usual[0] if usual else None, stated)
