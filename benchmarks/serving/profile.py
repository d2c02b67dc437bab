"""`python -m benchmarks.serving.profile`: where the server spends its time under load, as Markdown.

py-spy (https://github.com/benfred/py-spy) samples the process from outside; uv fetches it. Time inside compiled
modules counts for the Python line that called them.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from benchmarks.serving import contenders, environments, sample, wrk
from benchmarks.serving.cases import CONCURRENCIES, Case, ModelName, Payload
from benchmarks.serving.requests import Request
from benchmarks.serving.running import Running
from benchmarks.serving.wrk import Load

PY_SPY = "py-spy@0.4.3"
SAMPLES_PER_SECOND = 500
LINES = 25


def main() -> None:
    """Print the profile."""
    chosen = _parser().parse_args()
    case = Case(ModelName(chosen.model), Payload(chosen.payload), chosen.clients)
    environments.build_models([case.model])
    load, stacks = record(case, chosen.seconds)
    sys.stdout.write(render(case, load, stacks))


def record(case: Case, seconds: int) -> tuple[Load, list[str]]:
    """Load by wrk while py-spy samples; its stacks are lines of `outermost;...;innermost count`."""
    ours = contenders.named([contenders.OURS])[0]
    # The first process is sampled, so it must be the one at work.
    ours = replace(ours, settings={case.model: {**ours.environment(case.model), "WORKERS": "1"}})
    request = ours.dialects[case.payload](sample.load(environments.MODELS / case.model / "1"))
    with tempfile.TemporaryDirectory() as folder, Running(ours, case.model) as server:
        server.first_answer(request)
        output = Path(folder) / "stacks"
        load = _sample(server, case, request, output, seconds)
        return load, output.read_text().splitlines()


def _sample(server: Running, case: Case, request: Request, output: Path, seconds: int) -> Load:
    spy = [environments.uv(), "tool", "run", PY_SPY, "record", "--format", "raw", "--output", str(output)]
    rate = ["--rate", str(SAMPLES_PER_SECOND), "--duration", str(seconds), "--pid", str(server.pid)]
    with subprocess.Popen([*spy, *rate], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        return wrk.run(server.url, request, case.concurrency, seconds)


def render(case: Case, load: Load, stacks: Iterable[str]) -> str:
    """The lines in which most time passed: in themselves, and with what they called."""
    own, total, count = shares(stacks)
    lines = [
        f"# {case.model}, {case.payload}, {case.concurrency} clients",
        f"{load.per_second:,.0f} requests/s while {count:,} samples were taken.",
        "| line | own | with callees |\n| --- | ---: | ---: |",
    ]
    rows = [f"| `{name}` | {100 * n / count:.1f} % | {100 * total[name] / count:.1f} % |" for name, n in own]
    return "\n\n".join(lines) + "\n" + "\n".join(rows) + "\n"


def shares(stacks: Iterable[str]) -> tuple[list[tuple[str, int]], Counter[str], int]:
    """Samples by line, own and with callees (once per stack, however deep it recurs), and their sum."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        total.update(dict.fromkeys(set(frames), int(count)))
    return own.most_common(LINES), total, sum(own.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.profile", description=__doc__)
    parser.add_argument("--model", default=ModelName.TINY, choices=list(ModelName))
    parser.add_argument("--payload", default=Payload.JSON, choices=list(Payload))
    parser.add_argument("--clients", type=int, default=max(CONCURRENCIES[ModelName.TINY]))
    parser.add_argument("--seconds", type=int, default=5)
    return parser


if __name__ == "__main__":
    main()
