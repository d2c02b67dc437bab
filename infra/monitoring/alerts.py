"""Alerts on what users feel: slow, failing, refused, absent."""

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
    objectives: ObjectiveSettings, selector: str, provider: contract.ExecutionProvider, wanted: str | None = None
) -> list[dict[str, Any]]:
    """The PrometheusRule's groups for the servers that `selector` matches, which should run on `provider`.

    `wanted` is PromQL for how many there should be, where that may be none: then nobody is missed.
    """
    conditions = _conditions(selector, provider, wanted)
    return [{"name": "model-server", "rules": [*_promises(objectives, selector), *conditions]}]


def _promises(objectives: ObjectiveSettings, selector: str) -> list[dict[str, Any]]:
    asked = f'{selector},route=~"{queries.INFERENCE_ROUTES}"'
    p95 = queries.quantile(contract.REQUEST_DURATION, asked, "5m", 0.95)
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
            f"{queries.error_ratio(asked, '5m')} > {objectives.error_percent / 100:g}",
            5,
            "critical",
            f"More than {objectives.error_percent:g} % of predictions fail",
        ),
        alert(
            "RequestsRefused",
            f"{queries.rate(contract.REJECTED, selector, '5m')} > 0",
            10,
            "warning",
            "The queue is full and clients get 429; raise replicas.max or the pools",
        ),
    ]


def _conditions(selector: str, provider: contract.ExecutionProvider, wanted: str | None) -> list[dict[str, Any]]:
    ready = f"{contract.READY.name}{{{selector}}}"
    elsewhere = f'{contract.MODEL_INFO.name}{{{selector},execution_provider!="{provider}"}}'
    missing = f"absent({ready})" + (f" and on() {wanted} > 0" if wanted else "")
    return [
        alert("NoServerReady", f"sum({ready}) < 1", 2, "critical", "No model server is ready"),
        alert("MetricsMissing", missing, 5, "critical", "No model server has been scraped"),
        alert(
            "WrongExecutionProvider",
            f"count({elsewhere}) > 0",
            5,
            "warning",
            f"A model server answers from another execution provider than {provider}",
        ),
    ]
