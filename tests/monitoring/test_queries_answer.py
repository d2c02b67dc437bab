"""Every query of the shipped dashboards and alerts, asked of a real Prometheus that reads real servers under load."""

import json
import math
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from inference_app.contract import ExecutionProvider, Route
from infra.clusters.eks.cluster import EksCluster
from infra.monitoring import queries
from infra.monitoring.dashboards import GpuNodes
from infra.monitoring.dashboards.panel import filled_in
from infra.monitoring.service import MonitoredService, rule_set
from infra.settings.monitoring import MonitoringSettings
from tests.monitoring.scene import CANARY, STABLE, Scene, rules, scene
from tests.processes import until

pytestmark = pytest.mark.slow

ELSEWHERE = {
    r"\bDCGM_": "DCGM's exporter: needs a GPU",
    r"\binference_gpu_": "needs a GPU",
    r"\bkube_": "kube-state-metrics: needs a cluster",
    r"\bkarpenter_": "Karpenter: needs a cluster",
}
"""Series that nothing on loopback has; promtool's cases stand in for them (test_alert_rules.py)."""


MISSED = "MetricsMissing"
"""Looks for what is not there; the last test takes the servers away."""

SERVICE = SimpleNamespace(
    namespace="serving", execution_provider=ExecutionProvider.CUDA, tracks={STABLE: None, CANARY: None}
)
SHIPPED = rule_set(
    MonitoringSettings.model_validate({"objectives": {"p95LatencyMs": 100.0, "errorPercent": 0.1}}),
    cast("MonitoredService", SERVICE),
    GpuNodes(spot_labels=EksCluster.spot_labels),
)
"""The alerts of the stack's first cluster, of which its manifest has the rules."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One query, and where it stands."""

    where: str
    name: str
    query: str

    @property
    def excuse(self) -> str | None:
        """Why it cannot answer here."""
        return next((why for names, why in ELSEWHERE.items() if re.search(names, self.query)), None)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Generator[Scene]:
    """The scene after half a minute of load, which goes on."""
    with scene(tmp_path_factory.mktemp("scene")) as running, running.load():
        for _ in range(6):
            running.stray()
            time.sleep(4)  # several scrapes see each change
        yield running


@pytest.fixture(scope="module")
def asked(busy: Scene) -> list[Asked]:
    return [*shown(busy.objects), *watched(busy.objects), *scaled(busy.objects)]


def shown(objects: Sequence[Mapping[str, Any]]) -> Iterator[Asked]:
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
            yield Asked(where=board["title"], name=name, query=filled_in(query, rate_seconds=30, range_seconds=60))


def watched(objects: Sequence[Mapping[str, Any]]) -> Iterator[Asked]:
    """What every alert looks at, whether it fires or not: the rule without its condition."""
    judged = {rule["expr"]: rule for rule in rules(objects) if "alert" in rule}
    for alert in SHIPPED.alerts:
        rule = judged.pop(f"{alert.value} {alert.condition}")
        if alert.name != MISSED:
            name = f"{alert.name} {rule['labels'].get('window', '')}"
            yield Asked(where="alert", name=name.strip(), query=alert.value)
    assert not judged


def scaled(objects: Sequence[Mapping[str, Any]]) -> Iterator[Asked]:
    """What the canary's autoscaler asks; the stable track's asks the same of pods that no request waits for."""
    for each in [each for each in objects if each["kind"] == "ScaledObject" and CANARY in each["metadata"]["name"]]:
        for number, trigger in enumerate(each["spec"]["triggers"]):
            if query := trigger["metadata"].get("query"):
                yield Asked(where=f"autoscaling of {CANARY}", name=f"{trigger['type']} {number}", query=query)


def test_every_query_of_dashboards_alerts_and_autoscaling_answers_with_more_than_zeros(
    busy: Scene, asked: list[Asked], table: list[Sequence[str]]
) -> None:
    wrong: list[Asked] = []
    for each in asked:
        found = busy.prometheus.vector(each.query)
        values = [value for _, value in found if math.isfinite(value) and value]
        if bool(values) is bool(each.excuse):
            wrong.append(each)
        answer = f"{max(values):.4g}" if values else each.excuse or "NOTHING"
        table.append((each.where, each.name, str(len(found)), answer))

    assert wrong == []
    assert len(asked) > 50


def test_every_rule_is_judged_without_an_error_and_trouble_is_seen(busy: Scene) -> None:
    judged = until(lambda: _judged(busy), "rules that were judged")

    assert {name: each["lastError"] for name, each in judged.items() if each["health"] != "ok"} == {}
    seen = {(each["labels"]["alertname"], each["labels"].get("track")) for each in busy.prometheus.alerts()}
    assert ("RequestsRefused", CANARY) in seen
    assert ("RequestsRefused", STABLE) not in seen


def _judged(busy: Scene) -> dict[str, Any] | None:
    groups = httpx.get(f"{busy.prometheus.url}/api/v1/rules", timeout=10).json()["data"]["groups"]
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    return rules if rules and all(rule["health"] != "unknown" for rule in rules.values()) else None


def test_exemplars_lead_to_traces_that_the_collector_has(busy: Scene) -> None:
    query = f"inference_request_duration_seconds_bucket{{{queries.pods_of('serving', STABLE)}}}"

    found = {labels["trace_id"] for labels in until(lambda: busy.prometheus.exemplars(query, 120), "exemplars")}

    # The newest may still wait to be exported.
    until(lambda: found <= {span.trace_id for span in busy.collector.spans}, "traces of all exemplars", 20)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is needed (Debian: apt install prometheus)")
@pytest.mark.parametrize("track", [STABLE, CANARY])
def test_metrics_follow_the_conventions_that_prometheus_checks(busy: Scene, track: str) -> None:
    text = httpx.get(f"{busy.servers[track].url()}{Route.METRICS}", timeout=10).content

    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_servers_that_are_gone_are_missed(busy: Scene, table: list[Sequence[str]]) -> None:
    """Comes last: nothing answers after it."""
    for server in busy.servers.values():
        server.send(signal.SIGKILL)
    missed = [each for each in SHIPPED.alerts if each.name == MISSED]
    failing = next(each for each in SHIPPED.alerts if each.name == "ScrapeFailing")

    for alert in missed:
        [(labels, value)] = until(lambda alert=alert: busy.prometheus.vector(alert.value), "missed servers")
        table.append(("alert", f"{MISSED} {labels['track']}", "1", f"{value:g}, once they are gone"))
    assert [value for _, value in busy.prometheus.vector(failing.value)] == [0, 0]
