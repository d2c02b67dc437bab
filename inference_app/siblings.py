"""A worker among its siblings: what it says of itself, and what they say together."""

import math
import os
import pickle
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from inference_app.errors import NotReady
from inference_app.metrics import Metrics, total
from inference_app.scoreboard import Scoreboard

SILENT_SECONDS = 5
"""Workers report twice a second; the event loop of one that has not for so long hangs."""


class Report(NamedTuple):
    """What a worker last said: why it is not ready or not live (empty where it is) and what it has counted.

    `at` is in `time.monotonic()` seconds, which all processes share, and infinite where no further report is due;
    `pid` is 0 while no process has the place.
    """

    pid: int
    at: float
    unready: str
    dead: str
    metrics: Metrics


def write(board: Scoreboard, slot: int, report: Report) -> None:
    """Replace what a worker says."""
    board.write(slot, pickle.dumps(report))


def read(board: Scoreboard, slot: int) -> Report:
    """What a worker says."""
    return pickle.loads(board.read(slot))  # noqa: S301 - only this server's own processes can write there


def vacate(board: Scoreboard, slot: int, reason: str) -> None:
    """Say for a worker that is gone, or yet to come, why it is not ready; what it has counted stays."""
    content, left = board.read(slot), Metrics()
    if content:
        left.absorb(pickle.loads(content).metrics)  # noqa: S301 - as in `read`
    write(board, slot, Report(0, math.inf, reason, "", left))


class Siblings:
    """What one worker knows of all; lives on its event loop."""

    def __init__(
        self, board: Scoreboard, slot: int, *, replaces: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`replaces` is whether a worker died in this place."""
        self.replaces = replaces
        self._board = board
        self._slot = slot
        self._clock = clock
        self._report = read(board, slot)

    @property
    def inherited(self) -> Metrics:
        """What the worker's predecessors have counted."""
        return self._report.metrics

    def tell(self, *, unready: str, dead: str, metrics: Metrics, is_last: bool = False) -> None:
        """Report; after the last time nobody waits for another."""
        at = math.inf if is_last else self._clock()
        self._write(Report(os.getpid(), at, unready, dead, total([metrics])))

    def require_ready(self) -> None:
        """Raise `NotReady` with the reason of the first other worker that is not ready."""
        for number, report in self._others():
            _require(number, self._silence(report) or report.unready)

    def require_live(self) -> None:
        """Raise `NotReady` with the reason of the first other worker that only a restart would help."""
        for number, report in self._others():
            _require(number, self._silence(report) or report.dead)

    def total(self, metrics: Metrics) -> Metrics:
        """The counts of all, for which `metrics` are this worker's own.

        They go to the board first: whatever one scrape has seen, the next one sees too, whoever answers it.
        """
        self._write(self._report._replace(metrics=total([metrics])))
        return total([report.metrics for report in self._reports()])

    def pids(self) -> dict[int, int]:
        """Process ids by worker's number, of those that run."""
        return {number: report.pid for number, report in enumerate(self._reports(), 1) if report.pid}

    def _write(self, report: Report) -> None:
        self._report = report
        write(self._board, self._slot, report)

    def _reports(self) -> list[Report]:
        return [read(self._board, slot) for slot in range(self._board.slots)]

    def _others(self) -> Iterator[tuple[int, Report]]:
        return ((slot + 1, report) for slot, report in enumerate(self._reports()) if slot != self._slot)

    def _silence(self, report: Report) -> str:
        seconds = self._clock() - report.at
        return f"hangs: it has said nothing for {seconds:.0f} s" if seconds > SILENT_SECONDS else ""


def _require(number: int, reason: str) -> None:
    if reason:
        raise NotReady(f"worker {number}: {reason}")
