"""What a race says to a person, and what it leaves for the server."""

from collections.abc import Sequence

from inference_app.contract import Execution
from inference_app.tune.race import Result, finalists, noise, words
from inference_app.tuning import Trial, TunedSettings

HEADER = ("execution", "threads", "intra-op", "batch", "examples/s", "spread", "P50 ms", "P99 ms", "rounds")
BUSY = 0.25
"""A usual spread of more than this says that something else used the machine."""


def table(results: Sequence[Result], chosen: Result | None) -> str:
    """All results, the fastest first."""
    ranked = sorted(results, key=lambda each: each.examples_per_second, reverse=True)
    rows = [HEADER, *(_row(result) for result in ranked)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    marks = ["", *("  <- chosen" if result is chosen else "" for result in ranked)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line + mark for line, mark in zip(lines, marks, strict=True))


def verdict(results: Sequence[Result], chosen: Result, untuned: TunedSettings | None) -> str:
    """What the choice gains over a server without it, and what it cannot be told apart from."""
    sentences = [f"Chosen: {words(chosen.settings)}{_gain(results, chosen, untuned)}."]
    near = [words(each.settings) for each in finalists(results) if each is not chosen and each.overlaps(chosen)]
    if near:
        sentences.append(f"Not told apart from it, the rounds vary as much: {'; '.join(near)}.")
    apart = noise(results)
    if apart > BUSY:
        sentences.append(f"Rounds of the same differ by {apart:.0%}: measure again when the machine does nothing else.")
    return "\n".join(sentences)


def variables(settings: TunedSettings) -> str:
    """The same settings as environment variables, one a line."""
    values = settings.model_dump(mode="json")
    return "\n".join(f"{name.upper()}={_plain(value)}" for name, value in values.items())


def trial(result: Result) -> Trial:
    """A result as tuning.json holds it."""
    return Trial(
        **result.settings.model_dump(),
        examples_per_second=round(result.examples_per_second, 1),
        spread=round(result.spread, 3),
        p50_ms=round(result.p50_ms, 3),
        p99_ms=round(result.p99_ms, 3),
        rounds=len(result.measurements),
    )


def _gain(results: Sequence[Result], chosen: Result, untuned: TunedSettings | None) -> str:
    if chosen.settings == untuned:
        return ", as without a tuning"
    before = next((each for each in results if each.settings == untuned), None)
    if before is None:
        return ""
    ratio = chosen.examples_per_second / before.examples_per_second
    return f", {ratio:.2f} times the throughput without a tuning ({words(before.settings)})"


def _row(result: Result) -> tuple[str, ...]:
    settings = result.settings
    threads = "-" if settings.execution is Execution.INLINE else str(settings.model_threads)
    return (
        settings.execution.value,
        threads,
        str(settings.intra_op_threads),
        str(settings.max_batch_size),
        f"{result.examples_per_second:,.1f}",
        f"{result.spread:.0%}",
        f"{result.p50_ms:.2f}",
        f"{result.p99_ms:.2f}",
        str(len(result.measurements)),
    )


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
