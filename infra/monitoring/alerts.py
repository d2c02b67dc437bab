"""Alerts on what users feel: slow, failing, refused, absent."""

from collections.abc import Iterator, Mapping
from typing import Any

from inference_app import contract
from infra.monitoring import queries
from infra.settings.monitoring import ObjectiveSettings


def alert(name: str, expr: str, minutes: int, severity: str, summary: str) -> dict[str, Any]:
    """One alerting rule that fires after `minutes` of truth."""
    return {
        "alert": name,
        "expr": expr,
        "for": f"{minutes}m",
        "labels": {"severity": severity},
        "annotations": {"summary": summary},
    }


def rule_groups(
    objectives: ObjectiveSettings,
    selector: str,
    provider: contract.ExecutionProvider,
    wanted: str | None = None,
    tracks: Mapping[str, str | None] | None = None,
) -> list[dict[str, Any]]:
    """The PrometheusRule's groups for the servers that `selector` matches, which should run on `provider`.

    `wanted` is PromQL for how many there should be, where that may be none: then nobody is missed. Of servers in
    `tracks`, which have such a `wanted` each, every alert speaks of one track, by its label.
    """
    by = queries.TRACK_LABEL if tracks else ""
    expected = {f'{selector},{by}="{name}"': own for name, own in tracks.items()} if tracks else {selector: wanted}
    conditions = [*_absences(selector, by, expected), _misplaced(selector, provider, by)]
    return [{"name": "model-server", "rules": [*_promises(objectives, selector, by), *conditions]}]


def _promises(objectives: ObjectiveSettings, selector: str, by: str) -> list[dict[str, Any]]:
    asked = f'{selector},route=~"{queries.INFERENCE_ROUTES}"'
    p95 = queries.quantile(contract.REQUEST_DURATION, asked, "5m", 0.95, by)
    return [
        alert(
            "HighLatency",
            f"{p95} > {objectives.p95_latency_ms / 1000:g}",
            10,
            "warning",
            f"95 % of predictions should take less than {objectives.p95_latency_ms:g} ms",
        ),
        alert(
            "HighErrorRate",
            f"{queries.error_ratio(asked, '5m', by)} > {objectives.error_percent / 100:g}",
            5,
            "critical",
            f"More than {objectives.error_percent:g} % of predictions fail",
        ),
        alert(
            "RequestsRefused",
            f"{queries.rate(contract.REJECTED, selector, '5m', by)} > 0",
            10,
            "warning",
            "The queue is full and clients get 429; raise replicas.max or the pools",
        ),
    ]


def _absences(selector: str, by: str, expected: Mapping[str, str | None]) -> Iterator[dict[str, Any]]:
    """Nobody ready, and nobody there at all; `expected` has each `wanted` by the selector of those it is about."""
    ready = f"sum{_each(by)}({contract.READY.name}{{{selector}}})"
    yield alert("NoServerReady", f"{ready} < 1", 2, "critical", "No model server is ready")
    for those, wanted in expected.items():
        missing = f"absent({contract.READY.name}{{{those}}})" + (f" and on() {wanted} > 0" if wanted else "")
        yield alert("MetricsMissing", missing, 5, "critical", "No model server has been scraped")


def _misplaced(selector: str, provider: contract.ExecutionProvider, by: str) -> dict[str, Any]:
    elsewhere = f'{contract.MODEL_INFO.name}{{{selector},execution_provider!="{provider}"}}'
    return alert(
        "WrongExecutionProvider",
        f"count{_each(by)}({elsewhere}) > 0",
        5,
        "warning",
        f"A model server answers from another execution provider than {provider}",
    )


def _each(by: str) -> str:
    return f" by ({by}) " if by else ""
