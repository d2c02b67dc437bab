"""`python -m benchmarks.serving.caching`: what the result cache gives for inputs that come again, and costs for others.

A server without the cache and one with it stand side by side and are loaded in turn, in an order that changes from
round to round. Redis runs on the same machine; in one case it is stalled, as a machine that hangs would be.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.serving import alternating, contenders, environments, sample, wrk
from benchmarks.serving.alternating import Chosen
from benchmarks.serving.cases import ModelName, Payload
from benchmarks.serving.requests import Request
from benchmarks.serving.results import ByRound
from benchmarks.serving.running import Running, free_port
from benchmarks.serving.spread import Spread, ratio

DEFAULT = Chosen(model=ModelName.EFFICIENTNET, rounds=5, seconds=5)
LIMIT_MS = 20
"""How long a request waits for Redis: more than the default, since model, clients and Redis share the cores here."""
VARY = Path(__file__).with_name("vary.lua")


@dataclass(frozen=True)
class Case:
    """Which server is asked what: one input again and again, or a new one each time."""

    name: str
    cached: bool
    repeated: bool
    stalled: bool = False


OFF_REPEATED = Case("no cache, one input", cached=False, repeated=True)
OFF_DISTINCT = Case("no cache, new inputs", cached=False, repeated=False)
CASES = {
    OFF_REPEATED: OFF_REPEATED,
    Case("hits", cached=True, repeated=True): OFF_REPEATED,
    OFF_DISTINCT: OFF_DISTINCT,
    Case("misses", cached=True, repeated=False): OFF_DISTINCT,
    Case("Redis stalled", cached=True, repeated=True, stalled=True): OFF_REPEATED,
}
"""What each is compared with."""


@dataclass
class Figures:
    """By case and round: requests/s, and the 99th percentile of the latency in milliseconds."""

    rates: dict[Case, ByRound] = field(default_factory=lambda: {case: {} for case in CASES})
    p99: dict[Case, ByRound] = field(default_factory=lambda: {case: {} for case in CASES})


class Redis:
    """A cache of 256 MiB on loopback."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.url = f"redis://127.0.0.1:{port}/0"

    @contextmanager
    def stalled(self) -> Generator[None]:
        """Inside the block it takes connections and says nothing."""
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)


@contextmanager
def redis() -> Generator[Redis]:
    """It running."""
    port = free_port()
    options = ["--save", "", "--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"]
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield Redis(process, port)
        finally:
            process.kill()
            process.wait()


def main() -> None:
    """Measure and print."""
    chosen = alternating.chosen("benchmarks.serving.caching", __doc__, DEFAULT)
    sys.stdout.write(render(chosen.model, measure(chosen)))


def measure(chosen: Chosen) -> Figures:
    """Load the servers in turn."""
    model = chosen.model
    ours = contenders.named([contenders.OURS])[0]
    request = ours.dialects[Payload.BINARY](sample.load(environments.MODELS / model / "1"))
    figures = Figures()
    with ExitStack() as stack:
        store = stack.enter_context(redis())
        caching = {
            model: {**ours.settings[model], "RESULT_CACHE_URL": store.url, "RESULT_CACHE_TIMEOUT_MS": str(LIMIT_MS)}
        }
        servers = {
            False: stack.enter_context(Running(ours, model)),
            True: stack.enter_context(Running(replace(ours, settings=caching), model)),
        }
        for server in servers.values():
            server.first_answer(request)
            alternating.warm_up(server, request)
        for number, case in alternating.turns(list(CASES), chosen.rounds):
            load = _measure(servers[case.cached], store, request, case, chosen.seconds)
            figures.rates[case][number], figures.p99[case][number] = load.per_second, load.p99_ms
            alternating.say(f"round {number}: {case.name} {load.per_second:,.0f}/s, P99 {load.p99_ms:.0f} ms")
    return figures


def render(model: ModelName, figures: Figures) -> str:
    """The table."""
    rounds = len(figures.rates[OFF_REPEATED])
    lines = [
        f"{model}, binary, {alternating.CLIENTS} clients, {rounds} rounds; ratios are to the server without a cache "
        "that gets the same requests, round by round: minimum, median, maximum.",
        "",
        "| case | requests/s | ratio | P99, ms | ratio |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    return "\n".join([*lines, *(_row(case, beside, figures) for case, beside in CASES.items())]) + "\n"


def _row(case: Case, beside: Case, figures: Figures) -> str:
    cells: list[str] = []
    for measured in (figures.rates, figures.p99):
        of = ratio(measured[case], measured[beside])
        spread = f"{of.minimum:.2f}, {of.median:.2f}, {of.maximum:.2f}" if of else ""
        cells += [f"{Spread.of(measured[case].values()).median:,.0f}", spread]
    return f"| {case.name} | {' | '.join(cells)} |"


def _measure(server: Running, store: Redis, request: Request, case: Case, seconds: int) -> wrk.Load:
    with ExitStack() as stack:
        if case.stalled:
            stack.enter_context(store.stalled())
        elif case.cached:
            # After a stall the cache is used again when its pause is over.
            alternating.warm_up(server, request)
        return alternating.load(server, request, seconds, wrk.SCRIPT if case.repeated else VARY)


if __name__ == "__main__":
    main()
