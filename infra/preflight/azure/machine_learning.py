"""Azure ML's quotas, which are not those of virtual machines.

https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.machines import Machines
from infra.preflight.answer import Answer, unknown
from infra.preflight.azure.client import Azure
from infra.preflight.azure.compute import group_name, key
from infra.preflight.azure.sizes import Sizes
from infra.preflight.errors import Unanswerable
from infra.preflight.quota import room
from infra.preview import Plan

VERSION = "2025-12-01"
UNLIMITED = -1
KEPT_FOR_UPGRADES_PERCENT = 20
FAMILY, IN_WORKSPACE = "/vmfamily/usages", "/workspaces/usages"
DEDICATED = " Cluster Dedicated vCPUs"


def questions(azure: Azure, plan: Plan, sizes: Sizes, deployments: Sequence[Machines]) -> Iterator[Answer]:
    """A row for each family of sizes that managed endpoints run on."""
    where = f"/providers/Microsoft.MachineLearningServices/locations/{sizes.location}/usages"
    usages = [each for each in azure.get_all(where, VERSION) if each["name"]["value"].endswith(DEDICATED)]
    needed = Counter[str]()
    for each in deployments:
        if size := sizes.all().get(each.instance_types[0]):
            needed[size.family] += _with_reserve(each.maximum) * size.vcpus
    yield from (_row(plan, family, count, usages) for family, count in needed.items())


def _with_reserve(instances: int) -> int:
    return -(-instances * (100 + KEPT_FOR_UPGRADES_PERCENT) // 100)


def _row(plan: Plan, family: str, needed: int, usages: Sequence[Mapping[str, Any]]) -> Answer:
    asked = f"quota {family}{DEDICATED} of Azure ML"
    found = [each for each in usages if key(each["name"]["value"].removesuffix(DEDICATED)) == key(family)]
    total = [each for each in found if each["type"].lower().endswith(FAMILY)]
    if not total:
        reason = Unanswerable("no such quota is listed", "look it up in https://ml.azure.com under Quota")
        return unknown(asked, reason)
    group = f"/resourcegroups/{group_name(plan)}/".lower()
    own = sum(
        each["currentValue"]
        for each in found
        if each["type"].lower().endswith(IN_WORKSPACE) and group in each["id"].lower()
    )
    limit = total[0]["limit"]
    return room(
        asked,
        needed=needed,
        limit=float("inf") if limit == UNLIMITED else limit,
        used=max(0, total[0]["currentValue"] - own),
        unit="vCPUs",
        fix=lambda wanted: f"ask for {wanted} vCPUs of the family in https://ml.azure.com under Quota",
    )
