"""Verdicts as a table for people and as JSON for programs."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from infra.smoke.verdict import Verdict

HEAD = ("endpoint", "kind", "version", "latency", "off by", "verdict")


def table(verdicts: Sequence[Verdict]) -> list[str]:
    """A row for each endpoint, then a line for each that failed."""
    rows = [HEAD, *map(_row, verdicts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return [*lines, *(f"{verdict.endpoint}: {verdict.reason}" for verdict in verdicts if verdict.reason)]


def _row(verdict: Verdict) -> tuple[str, ...]:
    latency = "-" if verdict.latency_ms is None else f"{verdict.latency_ms:.0f} ms"
    difference = "-" if verdict.difference is None else f"{verdict.difference:.1g}"
    outcome = "FAILED" if verdict.reason else "ok"
    return verdict.endpoint, verdict.kind.value, verdict.version or "-", latency, difference, outcome


def document(verdicts: Sequence[Verdict]) -> str:
    """A list of objects; a difference that is no number is null."""
    return json.dumps([_plain(verdict) for verdict in verdicts], indent=2)


def _plain(verdict: Verdict) -> dict[str, Any]:
    is_number = verdict.difference is not None and math.isfinite(verdict.difference)
    difference = verdict.difference if is_number else None
    return {**asdict(verdict), "difference": difference, "ok": verdict.reason is None}
