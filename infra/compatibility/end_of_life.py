"""Which pins end soon, and which have ended."""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from infra.compatibility.pins import Pin, pins

WARNING_DAYS = 60


@dataclass(frozen=True, order=True, kw_only=True)
class Ending:
    """The last day on which a pinned version gets fixes; `days` are left, below 0 it has passed."""

    date: datetime.date
    days: int
    name: str
    version: str
    source: str

    def __str__(self) -> str:
        when = (
            f"ended on {self.date}, {-self.days} days ago"
            if self.days < 0
            else f"ends on {self.date}, in {self.days} days"
        )
        return f"{self.name} {self.version} {when} ({self.source})"


def endings(today: datetime.date, among: Iterable[Pin] | None = None) -> list[Ending]:
    """Every pin that has a last day, the first to end first; `among` are all pins where left out."""
    return sorted(
        Ending(
            date=pin.end_of_life.date,
            days=(pin.end_of_life.date - today).days,
            name=pin.name,
            version=pin.version,
            source=pin.end_of_life.source,
        )
        for pin in (pins() if among is None else among)
        if pin.end_of_life.date
    )


def ending(today: datetime.date, among: Iterable[Pin] | None = None) -> list[Ending]:
    """Those of them that have ended, or do so within 60 days."""
    return [each for each in endings(today, among) if each.days <= WARNING_DAYS]


def ends_of_life(today: datetime.date) -> Iterator[str]:
    """The lines of the offline preview's section; none while every pin has more than 60 days."""
    yield from (f"{each}; pin a later one in infra/versions.yaml" for each in ending(today))
