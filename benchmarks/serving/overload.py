"""`python -m benchmarks.serving.overload`: what is left of a server's capacity when twice as much comes.

The capacity is what as many clients get as the queue has places, each asking again as soon as it has its answer. Then
requests come at twice that rate, whether or not those before them are answered; what the queue has no place for is
refused. Of the same round: answers a second over the capacity, and their 99th percentile over the clients'.
"""

import sys
import time
from dataclasses import dataclass, field, replace

from benchmarks.serving import alternating, arrivals, contenders, environments, sample, wrk
from benchmarks.serving.alternating import Chosen
from benchmarks.serving.cases import ModelName, Payload
from benchmarks.serving.results import ByRound
from benchmarks.serving.running import Running
from benchmarks.serving.spread import Spread, ratio

DEFAULT = Chosen(model=ModelName.EFFICIENTNET, rounds=5, seconds=5)
PAYLOADS = (Payload.BINARY, Payload.JPEG)
PLACES = 32
TIMES = 2
PAUSE_SECONDS = 2
"""Before the capacity is measured: the server finds within a second that clients have left for good."""
OK, REFUSED = 200, 429


@dataclass
class Figures:
    """By round: answers a second and their 99th percentile in milliseconds, at capacity and beyond it."""

    capacity: ByRound = field(default_factory=dict[int, float])
    calm_p99: ByRound = field(default_factory=dict[int, float])
    goodput: ByRound = field(default_factory=dict[int, float])
    p99: ByRound = field(default_factory=dict[int, float])
    refused: ByRound = field(default_factory=dict[int, float])
    """The share of the requests."""


def main() -> None:
    """Measure and print."""
    chosen = alternating.chosen("benchmarks.serving.overload", __doc__, DEFAULT)
    sys.stdout.write(render(chosen.model, measure(chosen)))


def measure(chosen: Chosen) -> dict[Payload, Figures]:
    """Load one server, payload after payload, round by round; raises where any answer is neither 200 nor 429."""
    model = chosen.model
    ours = contenders.named([contenders.OURS])[0]
    ours = replace(ours, settings={model: {**ours.settings[model], "MAX_QUEUE_SIZE": str(PLACES)}})
    example = sample.load(environments.MODELS / model / "1")
    requests = {payload: ours.dialects[payload](example) for payload in PAYLOADS}
    figures = {payload: Figures() for payload in PAYLOADS}
    with Running(ours, model) as server:
        for request in requests.values():
            server.first_answer(request)
            alternating.warm_up(server, request)
        for number, payload in alternating.turns(PAYLOADS, chosen.rounds):
            of, request = figures[payload], requests[payload]
            time.sleep(PAUSE_SECONDS)
            calm = wrk.run(server.url, request, PLACES, chosen.seconds)
            busy = arrivals.send(server.url, request, TIMES * calm.per_second, chosen.seconds, number)
            if calm.errors or set(busy.statuses) - {OK, REFUSED}:
                raise wrk.WrkFailed(f"{calm.errors} errors, then {busy.statuses}")
            of.capacity[number], of.calm_p99[number] = calm.per_second, calm.p99_ms
            of.goodput[number], of.p99[number] = busy.goodput, busy.p99_ms
            of.refused[number] = busy.statuses.get(REFUSED, 0) / sum(busy.statuses.values())
            alternating.say(
                f"round {number}: {payload} {calm.per_second:,.0f}/s, P99 {calm.p99_ms:.0f} ms; of "
                f"{TIMES * calm.per_second:,.0f}/s {busy.goodput:,.0f}/s, P99 {busy.p99_ms:.0f} ms"
            )
    return figures


def render(model: ModelName, figures: dict[Payload, Figures]) -> str:
    """The table."""
    rounds = max(len(of.capacity) for of in figures.values())
    lines = [
        f"{model}, a queue of {PLACES}, {TIMES} times the capacity, {rounds} rounds; ratios are taken within a round: "
        "minimum, median, maximum.",
        "",
        "| payload | capacity, requests/s | answered/s | ratio | P99, ms | P99 beyond, ms | ratio | refused |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    return "\n".join([*lines, *(_row(payload, of) for payload, of in figures.items())]) + "\n"


def _row(payload: Payload, of: Figures) -> str:
    cells = [
        *(f"{_median(of.capacity):,.0f}", f"{_median(of.goodput):,.0f}", _ratio(of.goodput, of.capacity)),
        *(f"{_median(of.calm_p99):,.0f}", f"{_median(of.p99):,.0f}", _ratio(of.p99, of.calm_p99)),
        f"{_median(of.refused):.0%}",
    ]
    return f"| {payload} | {' | '.join(cells)} |"


def _median(measured: ByRound) -> float:
    return Spread.of(measured.values()).median


def _ratio(measured: ByRound, beside: ByRound) -> str:
    of = ratio(measured, beside)
    return f"{of.minimum:.2f}, {of.median:.2f}, {of.maximum:.2f}" if of else ""


if __name__ == "__main__":
    main()
