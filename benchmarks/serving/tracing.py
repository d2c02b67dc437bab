"""`python -m benchmarks.serving.tracing`: what tracing costs a model's server, as Markdown.

Servers that trace nothing, a tenth and all of their requests stand side by side and are loaded in turn, in an order
that changes from round to round. The spans go to a collector on this machine that counts them.
"""

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from benchmarks.serving import alternating, contenders, environments, sample
from benchmarks.serving.alternating import Chosen
from benchmarks.serving.cases import PAYLOADS, ModelName
from benchmarks.serving.requests import Request
from benchmarks.serving.results import ByRound
from benchmarks.serving.running import Running
from benchmarks.serving.spread import Spread, ratio

DEFAULT = Chosen(model=ModelName.TINY, rounds=15, seconds=2)
OFF = 0.0
SHARES = (OFF, 0.1, 1.0)


@dataclass
class Figures:
    """By share of requests traced, and round: requests/s, microseconds of the server's processor time for each."""

    rates: dict[float, ByRound] = field(default_factory=lambda: {share: {} for share in SHARES})
    cpu: dict[float, ByRound] = field(default_factory=lambda: {share: {} for share in SHARES})
    traced: dict[float, int] = field(default_factory=dict[float, int])
    """How many requests the collectors heard of."""


class Collector:
    """A process that takes spans; `endpoint` is where."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "benchmarks.serving.sink"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=environments.ROOT, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdout is not None
        self.endpoint = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def count(self) -> int:
        """End it; returns how many requests were traced."""
        return int(self._process.communicate()[0])


def main() -> None:
    """Measure and print."""
    chosen = alternating.chosen("benchmarks.serving.tracing", __doc__, DEFAULT)
    sys.stdout.write(render(chosen.model, measure(chosen)))


def measure(chosen: Chosen) -> Figures:
    """Load the servers in turn."""
    model = chosen.model
    ours = contenders.named([contenders.OURS])[0]
    request = ours.dialects[PAYLOADS[model][0]](sample.load(environments.MODELS / model / "1"))
    figures = Figures()
    with ExitStack() as stack:
        collectors = {share: stack.enter_context(Collector()) for share in SHARES}
        servers = {
            share: stack.enter_context(
                Running(
                    replace(ours, settings={model: {**ours.settings[model], **_tracing(share, collector.endpoint)}}),
                    model,
                )
            )
            for share, collector in collectors.items()
        }
        for server in servers.values():
            server.first_answer(request)
            # The first traced request makes a server load what exports traces, which takes a second.
            alternating.warm_up(server, request)
        for number, share in alternating.turns(SHARES, chosen.rounds):
            rate, cpu = _measure(servers[share], request, chosen.seconds)
            figures.rates[share][number], figures.cpu[share][number] = rate, cpu
            alternating.say(f"round {number}: {share:.0%} {rate:,.0f}/s, {cpu:.1f} us of processor time each")
        figures.traced = {share: collector.count() for share, collector in collectors.items()}
    return figures


def render(model: ModelName, figures: Figures) -> str:
    """The table; on a machine that does other things as well, processor time is the figure to trust."""
    lines = [
        f"{model}, {PAYLOADS[model][0]}, {alternating.CLIENTS} clients, {len(figures.rates[OFF])} rounds; ratios are "
        "to the untraced server's, round by round: minimum, median, maximum.",
        "",
        "| traced | requests/s | ratio | server's processor time for a request, us | ratio | requests exported |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    return "\n".join([*lines, *(_row(share, figures) for share in SHARES)]) + "\n"


def _row(share: float, figures: Figures) -> str:
    cells: list[str] = []
    for measured, form in ((figures.rates, ",.0f"), (figures.cpu, ".1f")):
        of = ratio(measured[share], measured[OFF])
        spread = f"{of.minimum:.3f}, {of.median:.3f}, {of.maximum:.3f}" if of else ""
        cells += [f"{Spread.of(measured[share].values()).median:{form}}", spread]
    return f"| {share:.0%} | {' | '.join(cells)} | {figures.traced[share]:,} |"


def _tracing(share: float, endpoint: str) -> dict[str, str]:
    if not share:
        return {}
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_TRACES_SAMPLER": "traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": str(share),
    }


def _measure(server: Running, request: Request, seconds: int) -> tuple[float, float]:
    """Requests/s, and microseconds of the server's processor time for each."""
    before = server.cpu_seconds()
    load = alternating.load(server, request, seconds)
    return load.per_second, (server.cpu_seconds() - before) * 1e6 / (load.per_second * seconds)


if __name__ == "__main__":
    main()
