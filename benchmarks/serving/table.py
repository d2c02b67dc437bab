"""A run's results as Markdown."""

from collections.abc import Sequence

from benchmarks.serving.cases import Case, ModelName
from benchmarks.serving.comparison import Row, compare, shortfalls
from benchmarks.serving.contenders import Contender
from benchmarks.serving.results import Results
from benchmarks.serving.spread import Spread

NOTHING = "-"
HEADLINE = ("model", "payload", "clients", "ours", "best peer", "ours / peer", "limit", "ours / limit", "P99 ms")
HEADLINE_NOTE = (
    "Requests/s, minimum / **median** / maximum over the rounds; ratios are taken within a round. The limit is a bare "
    "asyncio protocol for the tiny model and ONNX Runtime without a server for the others. P99: ours, then the peer's."
)
COSTS_NOTE = (
    "Memory is the proportional set size of all of a server's processes after load, in MiB. "
    "The first answer is timed from the process's start, in seconds."
)


def render(results: Results, contenders: Sequence[Contender], machine: str) -> str:
    """The page: verdict, ours against the best, every contender, memory and start, and what failed."""
    parts = [
        f"# Serving benchmark\n\n{machine}",
        _verdict(results, contenders),
        _headline(results),
        "## All servers, median requests/s",
        *(_everyone(results, contenders, model) for model in _models(results)),
        "## Memory and first answer",
        f"{_costs(results, contenders)}\n\n{COSTS_NOTE}",
        *_failures(results),
    ]
    return "\n\n".join(parts) + "\n"


def _verdict(results: Results, contenders: Sequence[Contender]) -> str:
    slow = shortfalls(results, contenders)
    if not slow:
        return "Every tuned peer reached at least 90 % of its known figure, scaled by the measured limit."
    return "**This run is void**: " + "; ".join(slow) + "."


def _headline(results: Results) -> str:
    rows = [_row(results, compare(results, case)) for case in results.cases()]
    return f"{_table(HEADLINE, rows)}\n\n{HEADLINE_NOTE}"


def _row(results: Results, row: Row) -> list[str]:
    case = row.case
    latencies = [results.p99(name, case) for name in ("ours", row.peer or "")]
    return [
        case.model,
        case.payload,
        str(case.concurrency),
        _spread(row.ours, ",.0f"),
        f"{row.peer} {_spread(row.best, ',.0f')}" if row.peer else NOTHING,
        _spread(row.over_peer, ".2f"),
        _spread(row.limit, ",.0f"),
        _spread(row.over_limit, ".2f"),
        " / ".join(_number(each, ".2f") for each in latencies),
    ]


def _everyone(results: Results, contenders: Sequence[Contender], model: ModelName) -> str:
    cases = [case for case in results.cases() if case.model is model]
    head = [model, *(f"{case.payload} {case.concurrency}" for case in cases)]
    rows = [[each.name, *(_median(results, each.name, case) for case in cases)] for each in contenders]
    return _table(head, [row for row in rows if any(cell != NOTHING for cell in row[1:])])


def _median(results: Results, contender: str, case: Case) -> str:
    """Of this very payload, so that a peer's figure stands only where it was measured."""
    rates = [each.load.per_second for each in results.of(contender, case) if each.case == case]
    return f"{Spread.of(rates).median:,.0f}" if rates else NOTHING


def _costs(results: Results, contenders: Sequence[Contender]) -> str:
    models = _models(results)
    head = ["server", *(f"{model}, {what}" for model in models for what in ("MiB", "s"))]
    return _table(head, [[each.name, *_cost(results, each.name, models)] for each in contenders])


def _cost(results: Results, name: str, models: Sequence[ModelName]) -> list[str]:
    cells = [
        (_number(results.pss(name, model), ".0f"), _number(results.start_seconds(name, model), ".2f"))
        for model in models
    ]
    return [cell for pair in cells for cell in pair]


def _failures(results: Results) -> list[str]:
    if not results.failures:
        return []
    lines = [f"- {each.contender} with {each.model}: {each.reason.splitlines()[0]}" for each in results.failures]
    return ["## Void rows\n\n" + "\n".join(lines)]


def _models(results: Results) -> list[ModelName]:
    return [model for model in ModelName if any(case.model is model for case in results.cases())]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _spread(spread: Spread | None, form: str) -> str:
    if spread is None:
        return NOTHING
    return f"{spread.minimum:{form}} / **{spread.median:{form}}** / {spread.maximum:{form}}"


def _number(value: float | None, form: str) -> str:
    return NOTHING if value is None else format(value, form)
