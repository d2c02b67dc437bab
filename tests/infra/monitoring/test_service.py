import json
from collections import Counter
from functools import partial
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from inference_app import contract
from infra.monitoring.dashboards import GpuNodes
from infra.monitoring.service import ServiceMonitoring, ServiceMonitoringArgs
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.serving.model_server import ModelServer
from infra.serving.runtime import RuntimeArgs
from infra.settings.monitoring import MonitoringSettings
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
        settings=MonitoringSettings(runbooks="https://example.com/alerts.md"),
        service=server,
        gpus=GpuNodes(spot_labels=cluster.spot_labels),
        namespace="watchers",
        after=[random.RandomId("prometheus", byte_length=1)],
    )
    ServiceMonitoring("seen", args, opts)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return on_cluster(build)


def alerts(plan: Plan) -> list[dict[str, Any]]:
    (group,) = plan.one(RULE).inputs["spec"]["groups"]
    return [rule for rule in group["rules"] if "alert" in rule]


def test_monitoring_owns_its_objects_and_lies_in_prometheuss_namespace(plan: Plan) -> None:
    parent = plan.one("inference:monitoring:ServiceMonitoring").urn
    objects = [each for each in plan.resources if each.parent == parent]

    assert children(plan, "inference:monitoring:ServiceMonitoring") == Counter({MONITOR: 1, RULE: 1, CONFIG: 5})
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


def test_alerts_are_about_the_servers_namespace_and_lead_to_their_runbook(plan: Plan) -> None:
    about = [rule["alert"] for rule in alerts(plan) if 'namespace="models"' not in rule["expr"]]

    assert about == ["GpuErrors"]  # of every GPU of the cluster
    assert {rule["labels"]["namespace"] for rule in alerts(plan)} == {"models"}
    assert all(rule["annotations"]["runbook_url"].startswith("https://example.com/alerts.md#") for rule in alerts(plan))


def test_spot_nodes_are_told_by_the_clusters_own_labels(plan: Plan) -> None:
    (spot,) = [rule["expr"] for rule in alerts(plan) if rule["alert"] == "SpotNodesReclaimed"]

    assert 'label_example_com_spot="yes"' in spot
    assert 'label_example_com_cheap="yes"' in spot


def test_each_dashboard_is_where_grafana_looks_for_it(plan: Plan) -> None:
    owner = plan.one("inference:monitoring:ServiceMonitoring").urn
    boards = [each.inputs for each in plan.of_type(CONFIG) if each.parent == owner]
    titles = [json.loads(text)["title"] for board in boards for text in board["data"].values()]

    assert all(board["metadata"]["labels"] == {"grafana_dashboard": "1"} for board in boards)
    assert len(set(titles)) == len(titles) == len(boards)


def test_the_rules_expect_the_provider_that_the_server_is_given(plan: Plan) -> None:
    given = plan.one(CONFIG, "server").inputs["data"][contract.Env.EXECUTION_PROVIDER]

    assert [rule for rule in alerts(plan) if f'execution_provider!="{given}"' in rule["expr"]] != []


def test_objects_wait_for_what_defines_their_kind(plan: Plan) -> None:
    prometheus = plan.one("random:index/randomId:RandomId", "prometheus")
    owner = plan.one("inference:monitoring:ServiceMonitoring").urn

    assert all(waits_for(plan, each, prometheus) for each in plan.resources if each.parent == owner)


@pytest.mark.parametrize(("least", "rests"), [(None, False), (1, False), (0, True)])
def test_a_server_that_may_have_no_pods_at_night_is_not_missed_then(least: int | None, rests: bool) -> None:
    plan = on_cluster(partial(build, least_outside_hours=least))
    deployment = plan.one("kubernetes:apps/v1:Deployment").inputs["metadata"]
    rules = {rule["alert"]: rule["expr"] for rule in alerts(plan)}

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
    missed = [rule["expr"] for rule in alerts(rollout) if rule["alert"] == "MetricsMissing"]

    assert [("stable" in expr, "model-server-canary" in expr) for expr in missed] == [(True, False), (False, True)]
