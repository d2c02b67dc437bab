import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pulumi_random as random
import pytest
import yaml

from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.serving.tensorflow_serving.monitoring import (
    TensorFlowServingMonitoring,
    TensorFlowServingMonitoringArgs,
    rule_groups,
)
from infra.serving.tensorflow_serving.queries import requests_per_second
from infra.settings.monitoring import ObjectiveSettings
from tests.infra.samples import on_cluster, waits_for

MONITOR, RULE = (
    "kubernetes:monitoring.coreos.com/v1:ServiceMonitor",
    "kubernetes:monitoring.coreos.com/v1:PrometheusRule",
)
OBJECTIVES = ObjectiveSettings.model_validate({"p95LatencyMs": 100, "errorPercent": 5}, strict=False)
SELECTOR = 'namespace="serving"'
ANSWERED = f':tensorflow:serving:request_latency_count{{{SELECTOR},pod="a",API="%s",entrypoint="%s"}}'
BUCKET = f':tensorflow:serving:request_latency_bucket{{{SELECTOR},pod="a",API="%s",le="%s"}}'
ASKED = f':tensorflow:serving:request_count{{{SELECTOR},pod="a",model_name="digits",status="%s"}}'
AVAILABLE = 'kube_deployment_status_replicas_available{namespace="serving",deployment="tensorflow-serving"}'
WANTED = 'kube_deployment_spec_replicas{namespace="serving",deployment="tensorflow-serving"}'

promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is needed (Debian: apt install prometheus)"
)


@dataclass(frozen=True, kw_only=True)
class Service:
    """What the component tells."""

    namespace: str = "serving"
    labels: Mapping[str, str] = field(default_factory=lambda: {"app.kubernetes.io/name": "tensorflow-serving"})
    deployment: str = "tensorflow-serving"
    rests: bool = False
    port_name: str = "http"


@pytest.fixture(scope="module")
def plan() -> Plan:
    def build(cluster: object, opts: pulumi.ResourceOptions) -> None:
        del cluster
        args = TensorFlowServingMonitoringArgs(
            objectives=OBJECTIVES,
            service=Service(),
            namespace="monitoring",
            after=[random.RandomId("prometheus", byte_length=1)],
        )
        TensorFlowServingMonitoring("seen", args, opts)

    return on_cluster(build)


def test_prometheus_scrapes_the_rest_port_after_its_definitions_are_there(plan: Plan) -> None:
    monitor = plan.one(MONITOR)

    assert monitor.inputs["spec"]["endpoints"] == [
        {"port": "http", "path": "/monitoring/prometheus/metrics", "interval": "15s"}
    ]
    assert monitor.inputs["spec"]["selector"]["matchLabels"] == Service().labels
    prometheus = plan.one("random:index/randomId:RandomId", "prometheus")
    assert all(waits_for(plan, plan.one(kind), prometheus) for kind in (MONITOR, RULE))
    assert [str(failure) for failure in check_plan(plan).failures] == []


FINE = {
    ANSWERED % ("predict", "REST"): "0+60x40",
    BUCKET % ("predict", "90000"): "0+60x40",
    BUCKET % ("predict", "290000"): "0+60x40",
    BUCKET % ("predict", "+Inf"): "0+60x40",
    ASKED % "OK": "0+72x40",
    AVAILABLE: "2x40",
    WANTED: "2x40",
}
SLOW_PROBES = {BUCKET % ("", "90000"): "0x40", BUCKET % ("", "290000"): "0+90x40", BUCKET % ("", "+Inf"): "0+90x40"}
UNSEEN = {name: values for name, values in FINE.items() if name != ASKED % "OK"}
UNANSWERED = {name: values for name, values in FINE.items() if name != ANSWERED % ("predict", "REST")}

ALERTS: list[tuple[str, dict[str, str], set[str]]] = [
    ("all is well", FINE, set()),
    ("half of the predictions are slow", FINE | {BUCKET % ("predict", "90000"): "0+30x40"}, {"HighLatency"}),
    ("probes are slow", FINE | SLOW_PROBES, set()),
    ("9 % run out of time", FINE | {ASKED % "DEADLINE_EXCEEDED": "0+6x40"}, {"HighErrorRate"}),
    ("3 % run out of time", FINE | {ASKED % "DEADLINE_EXCEEDED": "0+2x40"}, set()),
    ("half of the requests are wrong", FINE | {ASKED % "INVALID_ARGUMENT": "0+60x40"}, set()),
    ("nothing but errors", UNANSWERED | {ASKED % "INTERNAL": "0+6x40"}, {"HighErrorRate"}),
    ("the queue is full", FINE | {ASKED % "UNAVAILABLE": "0+6x40"}, {"RequestsRefused"}),
    ("no pod is ready", FINE | {AVAILABLE: "0x40"}, {"NoServerReady"}),
    ("no pod is scraped", UNSEEN, {"MetricsMissing"}),
]
RESTING: list[tuple[str, dict[str, str], set[str]]] = [
    ("by day", UNSEEN | {AVAILABLE: "0x40"}, {"MetricsMissing", "NoServerReady"}),
    ("by night", UNSEEN | {AVAILABLE: "0x40", WANTED: "0x40"}, set()),
]


@promtool
@pytest.mark.parametrize(("rests", "cases"), [(False, ALERTS), (True, RESTING)])
def test_prometheus_itself_warns_of_what_users_feel_and_of_nothing_else(
    rests: bool, cases: list[tuple[str, dict[str, str], set[str]]], tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(
        yaml.safe_dump({"groups": rule_groups(OBJECTIVES, Service(rests=rests))}), encoding="utf-8"
    )
    firing = "count by (alertname) (ALERTS{alertstate='firing'})"

    told = objections(
        tmp_path,
        [
            (name, series, firing, [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(alerts)])
            for name, series, alerts in cases
        ],
        ["rules.yaml"],
    )

    assert told is None, told


@promtool
def test_requests_are_predictions_of_both_ports_none_on_an_idle_server_and_unknown_unscraped(tmp_path: Path) -> None:
    query = f"round({requests_per_second(SELECTOR, '5m')}, 0.001)"
    asked = {ANSWERED % ("predict", "REST"): "0+60x40", ANSWERED % ("Predict", "GRPC"): "0+120x40"}
    probed = {ANSWERED % ("", "REST"): "0+600x40", ASKED % "OK": "0+780x40"}

    told = objections(
        tmp_path,
        [
            ("asked", asked | probed, query, [{"labels": "{}", "value": 3}]),
            ("idle", probed, query, [{"labels": "{}", "value": 0}]),
            ("not scraped", {}, query, []),
        ],
    )

    assert told is None, told


def objections(
    folder: Path, cases: list[tuple[str, dict[str, str], str, list[dict[str, Any]]]], rules: list[str] | None = None
) -> str | None:
    """What a real PromQL engine finds otherwise, half an hour into the series of each case."""
    tests = [
        {
            "name": name,
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in given.items()],
            "promql_expr_test": [{"expr": query, "eval_time": "30m", "exp_samples": expected}],
        }
        for name, given, query, expected in cases
    ]
    content = {"rule_files": rules or [], "evaluation_interval": "1m", "tests": tests}
    (folder / "test.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(folder / "test.yaml")], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stdout + done.stderr
