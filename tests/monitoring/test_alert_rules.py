"""Every alert fires when it should and is silent when it should be, judged by Prometheus' own engine."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from inference_app.contract import ExecutionProvider
from infra.local import prometheus as docker
from infra.monitoring import service
from infra.monitoring.alerts import RuleSet, telemetry
from infra.monitoring.alerts.backups import backups
from infra.monitoring.alerts.jobs import jobs
from infra.monitoring.dashboards import GpuNodes
from infra.monitoring.namespace import NAMESPACE
from infra.monitoring.tracing import pod
from infra.serving.tensorflow_serving import monitoring as tensorflow_serving
from infra.settings.monitoring import MonitoringSettings
from tests.cluster import stacks
from tests.monitoring import promtool
from tests.monitoring.alert_cases import backups as kept
from tests.monitoring.alert_cases import cluster, objectives, queued, servers, tensorflow
from tests.monitoring.alert_cases import telemetry as lost
from tests.monitoring.alert_cases.case import HOUR, Case, Stack

pytestmark = pytest.mark.slow

SETTINGS = MonitoringSettings.model_validate(
    {"objectives": {"p95LatencyMs": 100, "errorPercent": 1}, "runbooks": "https://example.com/alerts.md"}, strict=False
)
GPUS = GpuNodes(spot_labels=(("example.com/spot", "yes"), ("example.com/cheap", "yes")))


@dataclass(frozen=True, kw_only=True)
class Service:
    """What components tell of a service."""

    namespace: str = "serving"
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    port_name: str = "http"
    execution_provider: ExecutionProvider = ExecutionProvider.CUDA
    rests_as: str | None = None
    tracks: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    deployment: str = "tensorflow-serving"
    rests: bool = True


TWO = Service(tracks={"stable": None, "canary": "model-server-canary"})
RULE_SETS: Mapping[Stack, RuleSet] = {
    Stack.SERVER: service.rule_set(SETTINGS, Service(), GPUS),
    Stack.RESTING: service.rule_set(SETTINGS, Service(rests_as="model-server"), None),
    Stack.TRACKS: service.rule_set(SETTINGS, TWO, None),
    Stack.TENSORFLOW: tensorflow_serving.rule_set(SETTINGS, Service(), GPUS),
    Stack.LOCAL: docker.rule_set(SETTINGS),
    Stack.TRACING: telemetry.tracing(pod.NAMESPACE),
    Stack.LOGS: telemetry.logs(NAMESPACE),
    Stack.BACKUPS: backups("mlflow", "backup"),
    Stack.JOBS: jobs("serving", objective_seconds=600, kept_seconds=3600),
}
CASES: Sequence[Case] = [
    *objectives.CASES,
    *servers.CASES,
    *cluster.CASES,
    *tensorflow.CASES,
    *lost.CASES,
    *kept.CASES,
    *queued.CASES,
]
SHARED = {"ErrorBudgetBurn", "NoTraffic", "ScrapeFailing", "AutoscalerAtMaximum", "AutoscalerBlind",
          "PodsUnschedulable", "SpotNodesReclaimed", "GpuIdle", "GpuErrors"}  # fmt: skip
"""What TensorFlow Serving has word for word, so that the model server's cases speak for both."""


JUDGED = [
    (stack, name) for stack in RULE_SETS for name in dict.fromkeys(each.alert for each in CASES if each.stack is stack)
]


@pytest.mark.parametrize(("stack", "name"), JUDGED)
def test_an_alert_fires_when_it_should_and_at_no_other_time(stack: Stack, name: str, tmp_path: Path) -> None:
    alerts = [each for each in RULE_SETS[stack].alerts if each.name == name]
    groups = replace(RULE_SETS[stack], alerts=alerts).groups(SETTINGS.runbooks)
    rules = [rule for rule in groups[0]["rules"] if "alert" in rule]
    cases = [each for each in CASES if (each.stack, each.alert) == (stack, name)]
    # Nobody waits for days that are judged every minute.
    every = "15m" if any(each.after > 2 * HOUR for each in cases) else "1m"

    wrong = promtool.judge(tmp_path, groups, [each.test(rules) for each in cases], every)

    assert alerts
    assert not wrong, wrong


@pytest.mark.parametrize("stack", list(Stack))
def test_every_alert_has_cases_in_which_it_fires_and_in_which_it_does_not(stack: Stack) -> None:
    of_all = {stack, Stack.SERVER} if stack is not Stack.TENSORFLOW else {stack}
    fires, silent = (
        {each.alert for each in CASES if each.stack in of_all and bool(each.fires) is wanted}
        for wanted in (True, False)
    )
    names = {alert.name for alert in RULE_SETS[stack].alerts}
    names -= SHARED if stack is Stack.TENSORFLOW else set()

    assert names <= fires
    assert names <= silent


@pytest.mark.parametrize("stack", list(Stack))
def test_rules_please_prometheus_own_judge_of_style(stack: Stack, tmp_path: Path) -> None:
    wrong = promtool.check_rules(tmp_path, RULE_SETS[stack].groups(SETTINGS.runbooks))

    assert not wrong, wrong


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_rules_that_stacks_ship_please_it_too(stack: str, tmp_path: Path) -> None:
    shipped = stacks.shipped(stack).objects.values()
    groups = [each["spec"]["groups"] for objects in shipped for each in objects if each["kind"] == "PrometheusRule"]
    wrong = [promtool.check_rules(tmp_path, each) for each in groups]

    assert groups
    assert not any(wrong), wrong


def test_every_alert_has_its_heading_in_the_runbook_and_no_heading_is_left_over() -> None:
    text = (stacks.ROOT / MonitoringSettings().runbooks).read_text(encoding="utf-8")
    headings = set(re.findall(r"^## (\w+)$", text, re.MULTILINE))
    rows = re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \|", text, re.MULTILINE)
    alerts = {alert.name: alert.anchor for rules in RULE_SETS.values() for alert in rules.alerts}

    assert headings == set(alerts)
    assert dict(rows) == alerts
