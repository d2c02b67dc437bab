"""What a drill finds out: the figures of its requests, and what was not as it should be."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.drills.client import Load, Outcome, Request

REQUESTS_AROUND = 300
"""How many requests are watched before a change, and as many after it: 99 % of them say something."""
PASSED = "passed"


@dataclass(frozen=True, kw_only=True)
class Drill:
    """One drill that has been run, whose change took from `began` to `ended` of `time.monotonic()`."""

    name: str
    requests: Sequence[Request]
    began: float
    ended: float
    flaws: Sequence[str] = ()
    """What was not as it should be, a phrase each."""

    @property
    def verdict(self) -> str:
        """`PASSED`, or what was wrong."""
        return "; ".join(self.flaws) or PASSED

    def figures(self) -> dict[str, Any]:
        """A row of the table: counts of requests, times in milliseconds, seconds that the change took, the verdict."""
        counts = Counter(request.outcome for request in self.requests)
        before = [request for request in self.requests if request.sent_at + request.seconds <= self.began]
        after = [request for request in self.requests if request.sent_at >= self.ended]
        during = [
            request
            for request in self.requests
            if request.sent_at < self.ended and request.sent_at + request.seconds > self.began
        ]
        return {
            "drill": self.name,
            "sent": len(self.requests),
            **{outcome.value: counts[outcome] for outcome in Outcome},
            "p99 before": p99(before),
            "p99 during": p99(during),
            "p99 after": p99(after),
            "seconds": round(self.ended - self.began, 1),
            "verdict": self.verdict,
        }


class Change:
    """What happens in this context happens under load, between two quiet stretches of it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.began = self.ended = math.nan

    def __enter__(self) -> Self:
        self._load.reach(REQUESTS_AROUND)
        self.began = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.ended = time.monotonic()
        if error is None:
            self._load.reach(REQUESTS_AROUND)

    def drill(self, name: str, found: Sequence[str], *allowed: Outcome) -> Drill:
        """What has been found under this load; requests may have the `allowed` outcomes beside an answer."""
        requests = self._load.requests
        every = [*flaws(requests, *allowed), *found]
        return Drill(name=name, requests=requests, began=self.began, ended=self.ended, flaws=every)

    def stale(self, version: str) -> list[str]:
        """The other versions that still answered when the change had ended."""
        late = {each.version for each in self._load.requests if each.sent_at >= self.ended and each.version}
        return [f"version {each} answered after the change" for each in sorted(late - {version})]


def p99(requests: Sequence[Request]) -> float | None:
    """The 99th percentile of how long the requests took, in milliseconds; None of none."""
    if not requests:
        return None
    seconds = sorted(request.seconds for request in requests)
    return round(1000 * seconds[math.ceil(0.99 * len(seconds)) - 1], 1)


def flaws(requests: Iterable[Request], *allowed: Outcome) -> list[str]:
    """How many requests got neither their answer nor what is allowed, and what they got."""
    bad = [each for each in requests if each.outcome not in (Outcome.ANSWERED, *allowed)]
    seen = Counter(f"{each.outcome} ({each.status or each.fault})" for each in bad)
    return [f"{count} {what}" for what, count in seen.items()]
