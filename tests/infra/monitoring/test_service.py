import json
from collections import Counter
from functools import partial
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from inference_app import contract
from infra.monitoring.service import ServiceMonitoring, ServiceMonitoringArgs
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.serving.model_server import ModelServer
from infra.serving.runtime import RuntimeArgs
from infra.settings.monitoring import ObjectiveSettings
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings
from tests.infra.samples import children, on_cluster, waits_for

MONITOR = "kubernetes:monitoring.coreos.com/v1:ServiceMonitor"
RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
CONFIG = "kubernetes:core/v1:ConfigMap"


TRACKS: dict[str, Any] = {
    "stable": {"weight": 90},
    "canary": {"weight": 10, "replicas": {"minOutsideOfficeHours": 0}},
}


def build(
    cluster: Any, opts: pulumi.ResourceOptions, least_outside_hours: int | None = None, rollout: Any = None
) -> None:
    replicas = {"minOutsideOfficeHours": least_outside_hours}
    server_args = RuntimeArgs(
        model=ModelSettings(name="digits"),
        settings=ServingSettings.model_validate(
            {"namespace": "models", "replicas": replicas, "rollout": rollout}, strict=False
        ),
        office_hours=OfficeHoursSettings.model_validate({"timeZone": "Europe/Berlin"}),
        cluster=cluster,
        image="r/m@sha256:1",
        namespace=random.RandomId("namespace", byte_length=1),
    )
    server = ModelServer("server", server_args, opts)
    args = ServiceMonitoringArgs(
        objectives=ObjectiveSettings(),
        service=server,
        namespace="watchers",
        after=[random.RandomId("prometheus", byte_length=1)],
    )
    ServiceMonitoring("seen", args, opts)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return on_cluster(build)


def test_monitoring_owns_its_objects_and_lies_in_prometheuss_namespace(plan: Plan) -> None:
    parent = plan.one("inference:monitoring:ServiceMonitoring").urn
    objects = [each for each in plan.resources if each.parent == parent]

    assert children(plan, "inference:monitoring:ServiceMonitoring") == Counter([MONITOR, RULE, CONFIG])
    assert {each.inputs["metadata"]["namespace"] for each in objects} == {"watchers"}
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_the_monitor_finds_the_servers_service_port_and_metrics(plan: Plan) -> None:
    spec = plan.one(MONITOR).inputs["spec"]
    service = plan.one("kubernetes:core/v1:Service").inputs
    (endpoint,) = spec["endpoints"]

    assert spec["namespaceSelector"] == {"matchNames": [service["metadata"]["namespace"]]} == {"matchNames": ["models"]}
    assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert endpoint["path"] == contract.Route.METRICS


def test_rules_and_dashboard_look_at_the_servers_namespace(plan: Plan) -> None:
    rules = plan.one(RULE).inputs["spec"]["groups"][0]["rules"]
    dashboard = plan.one(CONFIG, "seen-dashboard").inputs

    assert [rule["alert"] for rule in rules if 'namespace="models"' not in rule["expr"]] == []
    assert dashboard["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert json.loads(dashboard["data"]["model-server.json"])["title"] == "Model server"


def test_the_rules_expect_the_provider_that_the_server_is_given(plan: Plan) -> None:
    rules = plan.one(RULE).inputs["spec"]["groups"][0]["rules"]
    given = plan.one(CONFIG, "server").inputs["data"][contract.Env.EXECUTION_PROVIDER]

    assert [rule for rule in rules if f'execution_provider!="{given}"' in rule["expr"]] != []


@pytest.mark.parametrize("type_", [MONITOR, RULE, CONFIG])
def test_objects_wait_for_what_defines_their_kind(plan: Plan, type_: str) -> None:
    prometheus = plan.one("random:index/randomId:RandomId", "prometheus")
    name = "seen-dashboard" if type_ == CONFIG else "seen"

    assert waits_for(plan, plan.one(type_, name), prometheus)


@pytest.mark.parametrize(("least", "rests"), [(None, False), (1, False), (0, True)])
def test_a_server_that_may_have_no_pods_at_night_is_not_missed_then(least: int | None, rests: bool) -> None:
    plan = on_cluster(partial(build, least_outside_hours=least))
    deployment = plan.one("kubernetes:apps/v1:Deployment").inputs["metadata"]
    rules = {rule["alert"]: rule["expr"] for rule in plan.one(RULE).inputs["spec"]["groups"][0]["rules"]}

    wanted = f'namespace="{deployment["namespace"]}",deployment="{deployment["name"]}"'
    assert (wanted in rules["MetricsMissing"]) == rests


@pytest.fixture(scope="module")
def rollout() -> Plan:
    return on_cluster(partial(build, rollout={"traffic": "istio", "tracks": TRACKS}))


def test_each_pod_of_a_track_is_scraped_once_and_its_series_name_the_track(rollout: Plan) -> None:
    spec = rollout.one(MONITOR).inputs["spec"]
    ((found,), app) = spec["selector"]["matchExpressions"], spec["selector"]["matchLabels"]
    services = [each.inputs["metadata"] for each in rollout.of_type("kubernetes:core/v1:Service")]
    pods = [each.inputs["spec"]["template"]["metadata"] for each in rollout.of_type("kubernetes:apps/v1:Deployment")]

    assert found == {"key": "track", "operator": "Exists"}
    assert [
        each["name"] for each in services if app.items() <= each["labels"].items() and "track" in each["labels"]
    ] == [
        "model-server-canary",
        "model-server-stable",
    ]
    assert spec["podTargetLabels"] == ["track"]
    assert {pod["labels"]["track"] for pod in pods} == set(TRACKS)


def test_a_track_that_may_have_no_pods_at_night_is_not_missed_then_and_the_other_is(rollout: Plan) -> None:
    rules = rollout.one(RULE).inputs["spec"]["groups"][0]["rules"]
    missed = [rule["expr"] for rule in rules if rule["alert"] == "MetricsMissing"]

    assert [("stable" in expr, "model-server-canary" in expr) for expr in missed] == [(True, False), (False, True)]
