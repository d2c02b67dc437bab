"""The quota of container groups, in cores.

https://learn.microsoft.com/rest/api/container-instances/location/list-usage
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from infra.preflight.answer import Answer
from infra.preflight.azure.client import Azure
from infra.preflight.azure.compute import group_name
from infra.preflight.errors import Absent
from infra.preflight.quota import room
from infra.preview import Plan

VERSION = "2023-05-01"
GROUP = "azure-native:containerinstance:ContainerGroup"
CORES = "StandardCores"


def questions(azure: Azure, plan: Plan, location: str) -> Iterator[Answer]:
    """One row: the cores of the plan's container groups."""
    usages = azure.get_all(f"/providers/Microsoft.ContainerInstance/locations/{location}/usages", VERSION)
    own = _own(azure, plan)
    for usage in usages:
        if usage["name"]["value"] == CORES:
            yield room(
                "quota of container groups",
                needed=math.ceil(sum(_cores(group.inputs) for group in plan.of_type(GROUP))),
                limit=usage["limit"],
                used=max(0, usage["currentValue"] - own),
                unit="cores",
                fix=lambda wanted: f"ask for {wanted} cores of Container Instances in the portal under Quotas",
            )


def _own(azure: Azure, plan: Plan) -> float:
    """The cores of the stack's own groups, which the quota counts already."""
    path = f"/resourceGroups/{group_name(plan)}/providers/Microsoft.ContainerInstance/containerGroups"
    try:
        return sum(_cores(each["properties"]) for each in azure.get_all(path, VERSION))
    except Absent:
        return 0


def _cores(group: Mapping[str, Any]) -> float:
    return sum(each["resources"]["requests"]["cpu"] for each in group["containers"])
