"""The spread of a figure over the rounds of a run."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Spread:
    """Minimum, median and maximum."""

    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Of at least one value; raises `ValueError` for none."""
        ordered = sorted(values)
        if not ordered:
            raise ValueError("no values have no spread")
        return cls(ordered[0], statistics.median(ordered), ordered[-1])


def ratio(ours: dict[int, float], theirs: dict[int, float]) -> Spread | None:
    """Ours over theirs, round by round, so that what disturbed a round disturbed both; by round number.

    None where no round has both, or theirs is 0.
    """
    quotients = [ours[number] / theirs[number] for number in ours.keys() & theirs.keys() if theirs[number]]
    return Spread.of(quotients) if quotients else None
