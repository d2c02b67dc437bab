"""Whether the nodes' VM sizes are to be had, and vCPUs enough of them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from infra.machines import Capacity, Machines
from infra.preflight.answer import Answer, failed, ok, unknown
from infra.preflight.azure.client import Azure
from infra.preflight.azure.sizes import Size, Sizes
from infra.preflight.errors import Absent, Unanswerable
from infra.preflight.quota import room
from infra.preview import Plan

USAGES = "2024-07-01"
CLUSTERS = "2025-05-01"
ALL, SPOT = "cores", "lowPriorityCores"
"""How the API names the quotas that are no family's: https://learn.microsoft.com/azure/virtual-machines/quotas."""

OTHER_SIZE = "choose another vmSize, or ask for access: https://aka.ms/azureskunotavailable"


def offered(sizes: Sizes, pools: Sequence[Machines]) -> Iterator[Answer]:
    """A row for each pool: whether its zones, all of which AKS insists on, have its size."""
    found = sizes.all()
    yield from (_offered(pool, found.get(pool.instance_types[0]), sizes.location) for pool in pools)


def _offered(pool: Machines, size: Size | None, location: str) -> Answer:
    asked, name = f"offered to {pool.name}", pool.instance_types[0]
    if size is None:
        return failed(asked, f"{location} has no {name}", OTHER_SIZE)
    if size.refusal:
        return failed(asked, f"{name} in {location}: {size.refusal}", OTHER_SIZE)
    if pool.capacity is Capacity.SPOT and not size.is_lent_on_spot:
        return failed(asked, f"{name} is not lent on spot", "set the pool's capacity to on-demand")
    wanted: Sequence[str] = pool.resource.inputs.get("availabilityZones") or ()
    lacking = sorted(set(wanted) - size.zones)
    if lacking:
        has = ", ".join(sorted(size.zones)) or "none"
        return failed(
            asked, f"{name} is not in zone {', '.join(lacking)} of {location}", f"set aks.zones within: {has}"
        )
    return ok(asked, f"{name} in {location}" + (f", zones {', '.join(wanted)}" if wanted else ""))


def quotas(azure: Azure, plan: Plan, sizes: Sizes, pools: Sequence[Machines]) -> Iterator[Answer]:
    """A row for each family of on-demand sizes, for all of them, and for spot."""
    where = f"/providers/Microsoft.Compute/locations/{sizes.location}"
    usages = azure.get_all(f"{where}/usages", USAGES)
    known = sizes.all()
    own = _vcpus(_running(azure, plan), known)
    wanted = _vcpus(((pool.instance_types[0], pool.capacity, pool.maximum) for pool in pools), known)
    for name, needed in wanted.items():
        if needed:
            yield _row(azure, where, name, needed, own[name], usages)


def _vcpus(nodes: Iterable[tuple[str, Capacity, int]], sizes: Mapping[str, Size]) -> Counter[str]:
    """vCPUs by the quota that they count against: spot has one of its own, and no family."""
    counted = Counter[str]()
    for name, capacity, count in nodes:
        if name in sizes:
            vcpus = count * sizes[name].vcpus
            counted.update({SPOT: vcpus} if capacity is Capacity.SPOT else {key(sizes[name].family): vcpus, ALL: vcpus})
    return counted


def _running(azure: Azure, plan: Plan) -> Iterator[tuple[str, Capacity, int]]:
    """The stack's own nodes, which the quotas count already."""
    group = group_name(plan)
    path = f"/resourceGroups/{group}/providers/Microsoft.ContainerService/managedClusters"
    try:
        clusters = azure.get_all(path, CLUSTERS)
    except Absent:
        return
    pools: list[dict[str, Any]] = [
        pool for cluster in clusters for pool in cluster["properties"].get("agentPoolProfiles") or ()
    ]
    for pool in pools:
        capacity = Capacity.SPOT if pool.get("scaleSetPriority") == "Spot" else Capacity.ON_DEMAND
        yield pool["vmSize"], capacity, pool.get("count", 0)


def group_name(plan: Plan) -> str:
    """The resource group of the stack."""
    return plan.one("azure-native:resources:ResourceGroup").inputs["resourceGroupName"]


def key(name: str) -> str:
    """A family's name without what one API writes and another does not: spaces, case, `Standard`, `Family`."""
    return re.sub(r"standard|family|[^a-z0-9]", "", name.lower())


def _row(azure: Azure, where: str, name: str, needed: int, own: int, usages: Sequence[Mapping[str, Any]]) -> Answer:
    found = [each for each in usages if name in (each["name"]["value"], key(each["name"]["value"]))]
    if not found:
        reason = Unanswerable("no such quota is listed", "look it up in the portal under Quotas, Compute")
        return unknown(f"quota of {name}", reason)
    usage = found[0]
    scope = f"/subscriptions/{azure.subscription}{where}"
    return room(
        f"quota {usage['name']['localizedValue']}",
        needed=needed,
        limit=usage["limit"],
        used=max(0, usage["currentValue"] - own),
        unit="vCPUs",
        fix=lambda wanted: (
            f"az quota update --resource-name {usage['name']['value']!r} --scope {scope} --limit-object value={wanted}"
        ),
    )
