"""Which zones have the instance types, what they cost on spot there, and how likely so many are to be had."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from infra.cost.prices import Cloud, price_table
from infra.machines import Capacity, Machines
from infra.preflight import spot_price
from infra.preflight.answer import Answer, failed, ok, warning
from infra.preflight.aws.client import Aws
from infra.settings.prices import Prices, PriceSettings

OTHER_TYPES = "add instance types to the pool, or name other zones in aws.network.zones"
UNLIKELY = 3
"""A score of 1 to 10: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-placement-score.html"""


def in_zones(aws: Aws, pools: Sequence[Machines], zones: Sequence[str]) -> Iterator[Answer]:
    """A row for each pool: failed where a pool has no zone at all, a warning where a type lacks one."""
    wanted = [{"Name": "instance-type", "Values": sorted(types_of(pools))}]
    found = aws.ask_all(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=wanted,
    )
    offered: defaultdict[str, set[str]] = defaultdict(set)
    for each in found:
        offered[each["InstanceType"]].add(each["Location"])
    yield from (_offered(pool, zones, offered) for pool in pools)


def _offered(pool: Machines, zones: Sequence[str], offered: Mapping[str, set[str]]) -> Answer:
    asked = f"offered to {pool.name}"
    lacking = {name: [zone for zone in zones if zone not in offered[name]] for name in pool.instance_types}
    found = "; ".join(f"{name} not in {', '.join(places)}" for name, places in lacking.items() if places)
    if not found:
        return ok(asked, f"{', '.join(pool.instance_types)} in {', '.join(zones)}")
    if all(len(places) == len(zones) for places in lacking.values()):
        return failed(asked, found, OTHER_TYPES)
    return warning(asked, found, OTHER_TYPES)


def spot_prices(aws: Aws, pools: Sequence[Machines], zones: Sequence[str], stated: Prices) -> Iterator[Answer]:
    """A row for each type that a spot pool names: the latest price in each zone; `stated` are the stack file's."""
    types = sorted(types_of(spot(pools)))
    # From now on means the price that holds now.
    history = aws.ask_all(
        "ec2",
        "describe_spot_price_history",
        "SpotPriceHistory",
        InstanceTypes=types,
        ProductDescriptions=["Linux/UNIX"],
        StartTime=datetime.now(UTC),
    )
    listed = price_table().machines.get(Cloud.AWS, {}).get(aws.region, {})
    for name in types:
        prices = {
            each["AvailabilityZone"]: float(each["SpotPrice"]) for each in history if each["InstanceType"] == name
        }
        near = {zone: prices[zone] for zone in zones if zone in prices}
        yield _price(name, near, zones, listed[name].on_demand if name in listed else None, stated.get(name))


def _price(
    name: str, near: Mapping[str, float], zones: Sequence[str], on_demand: float | None, stated: PriceSettings | None
) -> Answer:
    asked = f"spot price of {name}"
    if not near:
        return warning(asked, f"none in {', '.join(zones)}: it is not lent there", OTHER_TYPES)
    return spot_price.verdict(asked, name, near, on_demand, stated)


def spot_scores(aws: Aws, pools: Sequence[Machines]) -> Iterator[Answer]:
    """A row for each spot pool: how likely it is that the region lends its maximum, 10 being the most."""
    for pool in spot(pools):
        scores = aws.ask(
            "ec2",
            "get_spot_placement_scores",
            InstanceTypes=list(pool.instance_types),
            TargetCapacity=pool.maximum,
            RegionNames=[aws.region],
        )["SpotPlacementScores"]
        yield _score(pool, max((each["Score"] for each in scores), default=0))


def _score(pool: Machines, score: int) -> Answer:
    asked = f"spot capacity for {pool.name}"
    found = f"{score} of 10 for {pool.maximum} of {', '.join(pool.instance_types)}"
    if score > UNLIKELY:
        return ok(asked, found)
    return warning(asked, found, "name three instance types at least, and keep an on-demand pool to fall back to")


def spot(pools: Sequence[Machines]) -> list[Machines]:
    """The pools that the cloud may take back."""
    return [pool for pool in pools if pool.capacity is Capacity.SPOT and pool.maximum]


def types_of(pools: Sequence[Machines]) -> set[str]:
    """All types that they name."""
    return {name for pool in pools for name in pool.instance_types}
