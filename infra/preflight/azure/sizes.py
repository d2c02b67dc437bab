"""The VM sizes of a location, as the subscription may have them.

https://learn.microsoft.com/rest/api/compute/resource-skus/list
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.preflight.azure.client import Azure

VERSION = "2021-07-01"


@dataclass(frozen=True, kw_only=True)
class Size:
    """One VM size: its quota's family, its vCPUs, and where the subscription may start it."""

    family: str
    vcpus: int
    zones: frozenset[str]
    is_lent_on_spot: bool
    refusal: str
    """Why the subscription may not have it in the location; empty where it may."""


class Sizes:
    """Asked for once, by whoever comes first: the list is long."""

    def __init__(self, azure: Azure, location: str) -> None:
        self._azure, self.location = azure, location
        self._lock = threading.Lock()
        self._found: Mapping[str, Size] | None = None

    def all(self) -> Mapping[str, Size]:
        """The sizes by name; raises `Unanswerable`."""
        with self._lock:
            if self._found is None:
                where = f"location eq '{self.location}'"
                listed = self._azure.get_all("/providers/Microsoft.Compute/skus", VERSION, filter=where)
                self._found = {each["name"]: size(each) for each in listed if each["resourceType"] == "virtualMachines"}
            return self._found


def size(listed: Mapping[str, Any]) -> Size:
    """One size as the API lists it."""
    capabilities = {each["name"]: each["value"] for each in listed.get("capabilities", [])}
    restrictions: Sequence[Mapping[str, Any]] = listed.get("restrictions") or ()
    zones: set[str] = {zone for place in listed["locationInfo"] for zone in place.get("zones") or ()}
    refused: list[str] = [each["reasonCode"] for each in restrictions if each["type"] == "Location"]
    closed: set[str] = {zone for each in restrictions for zone in each["restrictionInfo"].get("zones") or ()}
    return Size(
        family=listed["family"],
        vcpus=int(capabilities.get("vCPUs", 0)),
        zones=frozenset(zones - closed),
        is_lent_on_spot=capabilities.get("LowPriorityCapable") == "True",
        refusal=refused[0] if refused else "",
    )
