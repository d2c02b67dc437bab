"""One line of an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from infra.cost.prices import Cloud


class Part(StrEnum):
    """What kind of cost it is."""

    FIXED = "fixed"
    POOLS = "pools"
    ENDPOINTS = "endpoints"


@dataclass(frozen=True, kw_only=True)
class Range:
    """US dollars a month, at the fewest and at the most machines."""

    minimum: float = 0.0
    maximum: float = 0.0

    def __add__(self, other: Range) -> Range:
        return Range(minimum=self.minimum + other.minimum, maximum=self.maximum + other.maximum)

    def __sub__(self, other: Range) -> Range:
        return Range(minimum=self.minimum - other.minimum, maximum=self.maximum - other.maximum)

    def to_json(self) -> dict[str, float]:
        """In whole cents."""
        return {"minimum": round(self.minimum, 2), "maximum": round(self.maximum, 2)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one item, pool or endpoint costs."""

    part: Part
    cloud: Cloud
    name: str
    """Unique in an estimate."""
    detail: str
    """What the figures are made of."""
    cost: Range
    """On the terms of the plan."""
    on_demand: Range
    """If no machine were spot."""
    sources: tuple[str, ...] = ()
    """Keys of the price table's sources, or `own` for the stack file's prices."""
    missing: tuple[str, ...] = ()
    """What of it has no price, and is not in the figures."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values; dollars a month."""
        return {
            "part": str(self.part),
            "cloud": str(self.cloud),
            "name": self.name,
            "detail": self.detail,
            "cost": self.cost.to_json(),
            "onDemand": self.on_demand.to_json(),
            "sources": list(self.sources),
            "missing": list(self.missing),
        }
