"""All endpoints side by side, in one bounded time."""

import queue
import threading
from collections.abc import Mapping, Sequence

from infra.smoke.client import Client, Say
from infra.smoke.clients import CLIENTS
from infra.smoke.deadline import Deadline
from infra.smoke.target import Target
from infra.smoke.verdict import Expected, Verdict, failed, judge

GRACE = 2.0
"""Seconds beyond the deadline, for the clients to say themselves that it has passed."""


def ask_all(targets: Sequence[Target], expected: Mapping[str, Expected], timeout: float, say: Say) -> list[Verdict]:
    """A verdict for each target, in their order, after `timeout` seconds at most; `expected` is by model."""
    clients = {target.name: CLIENTS[target.kind](target, say) for target in targets}
    deadline, outcomes = Deadline.after(timeout), queue.Queue[Verdict]()
    for target in targets:
        work = (target, clients[target.name], expected[target.model], deadline, say, outcomes)
        # A daemon: one that an endpoint keeps busy byte by byte must not keep the program from ending.
        threading.Thread(target=_ask, args=work, daemon=True).start()
    found = _collected(outcomes, len(targets), deadline)
    late = f"no end after {timeout:g} s; the endpoint is slow or answers byte by byte: give it longer with --timeout"
    return [found.get(target.name) or failed(target, late) for target in targets]


def _ask(
    target: Target, client: Client, expected: Expected, deadline: Deadline, say: Say, outcomes: queue.Queue[Verdict]
) -> None:
    try:
        outcomes.put(judge(target, client, expected, deadline, say))
    except Exception as error:  # noqa: BLE001 - one endpoint's surprise must not hide the others' verdicts
        outcomes.put(failed(target, f"{type(error).__name__}: {error}; a mistake in infra.smoke"))


def _collected(outcomes: queue.Queue[Verdict], count: int, deadline: Deadline) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    while len(found) < count:
        try:
            verdict = outcomes.get(timeout=deadline.remaining() + GRACE)
        except queue.Empty:
            break
        found[verdict.endpoint] = verdict
    return found
