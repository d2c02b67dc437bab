import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_random as random
import pytest

from infra.monitoring.dashboards import GpuNodes
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.serving.tensorflow_serving.monitoring import (
    TensorFlowServingMonitoring,
    TensorFlowServingMonitoringArgs,
    rule_set,
)
from infra.settings.monitoring import MonitoringSettings
from tests.infra.samples import on_cluster, waits_for

MONITOR, RULE = (
    "kubernetes:monitoring.coreos.com/v1:ServiceMonitor",
    "kubernetes:monitoring.coreos.com/v1:PrometheusRule",
)
SETTINGS = MonitoringSettings.model_validate({"objectives": {"p95LatencyMs": 100, "errorPercent": 5}}, strict=False)
GPUS = GpuNodes(spot_labels=())


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
            settings=SETTINGS,
            service=Service(),
            gpus=GPUS,
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


def test_its_rules_are_about_its_own_metrics_and_never_about_the_model_servers() -> None:
    rules = rule_set(SETTINGS, Service(), GPUS)
    text = "".join(alert.value + alert.condition for alert in rules.alerts)

    assert ":tensorflow:serving:request_count" in text
    assert re.findall(r"(?<![:\w])inference_\w+", text) == []


def test_it_is_not_warned_of_memory_that_tensorflow_takes_at_its_start() -> None:
    gpu = {alert.name for alert in rule_set(SETTINGS, Service(), GPUS).alerts if alert.name.startswith("Gpu")}

    assert gpu == {"GpuIdle", "GpuErrors"}
    assert not any(alert.name.startswith("Gpu") for alert in rule_set(SETTINGS, Service(), None).alerts)


@pytest.mark.parametrize("rests", [False, True])
def test_nobody_is_missed_while_no_pod_should_run(rests: bool) -> None:
    alerts = {alert.name: alert for alert in rule_set(SETTINGS, Service(rests=rests), None).alerts}

    assert [
        ("kube_deployment_spec_replicas" in alerts[name].condition) for name in ("NoServerReady", "MetricsMissing")
    ] == [
        rests,
        rests,
    ]
