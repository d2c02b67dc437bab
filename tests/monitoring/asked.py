"""What dashboards, alerts and autoscaling ask of Prometheus, out of a stack's manifests."""

import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from inference_app.contract import ExecutionProvider
from infra.clusters.eks.cluster import EksCluster
from infra.monitoring.alerts import Alert
from infra.monitoring.alerts.jobs import jobs
from infra.monitoring.dashboards import GpuNodes
from infra.monitoring.dashboards.panel import filled_in
from infra.monitoring.dashboards.promql import STEP_MINUTES
from infra.monitoring.service import MonitoredService, rule_set
from infra.settings.asynchronous import AsynchronousSettings
from infra.settings.monitoring import MonitoringSettings
from tests.monitoring.scene import CANARY, STABLE, rules

ELSEWHERE = r"\binference_gpu_"
"""Series that only a server with a GPU has."""

ON_TEXT = r"\bDCGM_"
"""Series that dcgm.py makes up."""

MISSED = "MetricsMissing"
"""Looks for what is not there; the last test takes the servers away."""

WITHOUT_QUEUE = ("JobsRefused", "JobQueueUnreachable")
"""See nothing while there is a queue of jobs; the last test but one takes it away."""

SERVICE = SimpleNamespace(
    namespace="serving", execution_provider=ExecutionProvider.CUDA, tracks={STABLE: None, CANARY: None}
)
SERVED = rule_set(
    MonitoringSettings.model_validate({"objectives": {"p95LatencyMs": 100.0, "errorPercent": 0.1}}),
    cast("MonitoredService", SERVICE),
    GpuNodes(spot_labels=EksCluster.spot_labels),
)
ASYNCHRONOUS = AsynchronousSettings()
QUEUED = jobs(
    "serving",
    objective_seconds=ASYNCHRONOUS.wait_objective_seconds,
    kept_seconds=ASYNCHRONOUS.wait_seconds,
)
SHIPPED: Sequence[Alert] = [*SERVED.alerts, *QUEUED.alerts]
"""The alerts of the stack's first cluster, of which its manifests have the rules."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One query, and where it stands."""

    where: str
    name: str
    query: str

    @property
    def can_answer(self) -> bool:
        """Whether what it asks for is here."""
        return re.search(ELSEWHERE, self.query) is None

    @property
    def at(self) -> float | None:
        """When to ask, None for now: what adds up looks every five minutes, of which the next is taken for now."""
        step = 60 * STEP_MINUTES
        return math.ceil(time.time() / step) * step if f":{STEP_MINUTES}m]" in self.query else None

    def answer(self, values: Sequence[float]) -> str:
        """The cell of the table."""
        if not self.can_answer:
            return "needs a GPU"
        told = f"{max(values):.4g}" if values else "NOTHING"
        return f"{told} of made-up text in DCGM's format" if re.search(ON_TEXT, self.query) else told


def every_query(objects: Sequence[Mapping[str, Any]]) -> list[Asked]:
    """All that Prometheus is asked by what a stack makes on a cluster."""
    return [*_shown(objects), *_watched(objects), *_scaled(objects)]


def _shown(objects: Sequence[Mapping[str, Any]]) -> Iterator[Asked]:
    """Every query of every dashboard, as Grafana would fill it in, and what marks the times of events."""
    boards = [each for each in objects if "grafana_dashboard" in each["metadata"].get("labels", {})]
    for board in [json.loads(text) for each in boards for text in each["data"].values()]:
        targets = [
            (f"{panel['title']}: {target['legendFormat']}", target["expr"])
            for panel in board["panels"]
            for target in panel.get("targets", [])
        ]
        events = [(each["name"], each["expr"]) for each in board["annotations"]["list"]]
        for name, query in [*targets, *events]:
            yield Asked(where=board["title"], name=name, query=filled_in(query, rate_seconds=30, range_seconds=600))


def _watched(objects: Sequence[Mapping[str, Any]]) -> Iterator[Asked]:
    """What every alert looks at, whether it fires or not: the rule without its condition."""
    judged = {rule["expr"]: rule for rule in rules(objects) if "alert" in rule}
    for alert in SHIPPED:
        rule = judged.pop(f"{alert.value} {alert.condition}")
        if alert.name not in (MISSED, *WITHOUT_QUEUE):
            name = f"{alert.name} {rule['labels'].get('window', '')}"
            yield Asked(where="alert", name=name.strip(), query=alert.value)
    assert not judged


def _scaled(objects: Sequence[Mapping[str, Any]]) -> Iterator[Asked]:
    """What the canary's autoscaler asks; the stable track's asks the same of pods that no request waits for."""
    for each in [each for each in objects if each["kind"] == "ScaledObject" and CANARY in each["metadata"]["name"]]:
        for number, trigger in enumerate(each["spec"]["triggers"]):
            if query := trigger["metadata"].get("query"):
                yield Asked(where=f"autoscaling of {CANARY}", name=f"{trigger['type']} {number}", query=query)
