import re
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from inference_app import contract
from inference_app.process import ServerProcess
from infra.clusters.gpu import NODE_LABEL, POOL_LABEL
from infra.monitoring import cluster_metrics, queries
from infra.monitoring.dashboards import GpuNodes
from infra.monitoring.prometheus import node_labels
from infra.monitoring.service import MonitoredService, rule_set, service_monitor_spec
from infra.settings.monitoring import MonitoringSettings

SELECTOR = 'namespace="serving"'
SETTINGS = MonitoringSettings.model_validate({"objectives": {"p95LatencyMs": 100, "errorPercent": 0.1}})
GPUS = GpuNodes(spot_labels=(("example.com/spot", "yes"),))
NAME = r"(?<![:\w])inference_\w+"
"""A series of the server's own, and none that Prometheus recorded."""


def service(**told: Any) -> MonitoredService:
    made: dict[str, Any] = {"namespace": "serving", "labels": {}, "tracks": {}, "rests_as": None, "port_name": "http"}
    return cast("MonitoredService", SimpleNamespace(execution_provider=contract.ExecutionProvider.CUDA, **made | told))


RULES = rule_set(SETTINGS, service(), GPUS)
BY_TRACK = rule_set(SETTINGS, service(tracks={"stable": None, "canary": "model-server-canary"}), GPUS)
ALERTS = {alert.name: alert for alert in RULES.alerts}
SCALING = [queries.requests_per_second(SELECTOR), queries.queue_time_ms(SELECTOR, 40)]
EXPRESSIONS = [
    *(rule["expr"] for rules in (RULES, BY_TRACK) for group in rules.groups("") for rule in group["rules"]),
    *SCALING,
    queries.requests_per_second(queries.pods_of("serving", "canary")),
]
OF_THE_SERVER = [expression for expression in EXPRESSIONS if re.search(NAME, expression)]


def series() -> set[str]:
    """Every series name that the server's metrics have in Prometheus."""
    names: set[str] = set()
    for metric in contract.METRICS:
        histogram = metric.kind is contract.MetricKind.HISTOGRAM
        names |= {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")} if histogram else {metric.name}
    return names


@pytest.mark.parametrize("expression", OF_THE_SERVER)
def test_a_query_names_series_that_the_server_has(expression: str) -> None:
    assert set(re.findall(NAME, expression)) <= series()


@pytest.mark.parametrize("expression", OF_THE_SERVER)
def test_a_query_asks_for_labels_that_its_metric_has_and_for_this_service_only(expression: str) -> None:
    by_name = {metric.name: metric for metric in contract.METRICS}
    selected = re.findall(rf"({NAME})\{{(.*?)\}}(?=[)\[ ]|$)", expression)

    assert len(selected) == len(re.findall(NAME, expression))
    for name, matchers in selected:
        metric = by_name.get(name) or by_name[re.sub(r"_(bucket|sum|count)$", "", name)]
        labels = set(re.findall(r'(\w+)[!=]~?"', matchers))
        bound = {"le"} if name.endswith("_bucket") else set[str]()
        assert labels - {"namespace", queries.TRACK_LABEL} <= {*metric.labels, *bound}
        assert matchers.startswith(SELECTOR)


@pytest.mark.parametrize("expression", OF_THE_SERVER)
def test_a_rate_is_taken_of_counters(expression: str) -> None:
    counters = {metric.name for metric in contract.METRICS if metric.kind is contract.MetricKind.COUNTER}
    rated = re.findall(r"\b(?:rate|increase)\((inference_\w+)", expression)

    assert [name for name in rated if name not in counters and not re.search(r"_(bucket|sum|count)$", name)] == []


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_query_names_what_is_recorded_exported_by_the_cluster_or_prometheus_own(expression: str) -> None:
    others = {value for name, value in vars(cluster_metrics).items() if name.isupper()}
    recorded = {each.name for each in RULES.recordings}
    named = set(re.findall(r"([A-Za-z_:][\w:]*)\{", expression)) | set(re.findall(r"\bDCGM_\w+|\bkube_\w+", expression))

    assert named <= series() | recorded | others | {"up"}


@pytest.fixture(scope="module")
def idle_metrics() -> str:
    """What a server tells of itself before anybody asks it anything."""
    with ServerProcess({"GRPC_PORT": "0", contract.Env.LATENCY_TARGET_MS: "300"}) as server:
        server.until("ready")
        return httpx.get(f"{server.url()}{contract.Route.METRICS}").text


@pytest.mark.slow
def test_the_routes_counted_as_predictions_are_those_that_ask_a_model(idle_metrics: str) -> None:
    routes = set(re.findall(r'inference_request_duration_seconds_count\{.*?route="([^"]+)"', idle_metrics))

    assert {"/ready", "/metrics", "grpc/ServerReady"} <= routes
    assert {route for route in routes if re.fullmatch(queries.INFERENCE_ROUTES, route)} == {
        "/predict",
        "/predict/{name}",
        "/invocations",
        "/models/{name}/invoke",
        "/v2/models/{name}/infer",
        "/v2/models/{name}/versions/{version}/infer",
        "grpc/ModelInfer",
    }


@pytest.mark.slow
@pytest.mark.parametrize("expression", SCALING)
def test_what_autoscaling_counts_is_there_before_the_first_request(expression: str, idle_metrics: str) -> None:
    for name in re.findall(NAME, expression):
        assert re.search(rf"^{name}\{{.*\}} 0(\.0)?$", idle_metrics, re.MULTILINE), name


@pytest.mark.slow
def test_slow_requests_are_told_by_the_bound_that_the_server_makes_at_its_target(idle_metrics: str) -> None:
    (bound,) = set(re.findall(r'le="[^"]+"', queries.slow(SELECTOR, "5m", 300 / 1000)))

    assert re.search(rf"inference_request_duration_seconds_bucket\{{[^}}]*{bound}", idle_metrics)


def test_alerts_hold_the_objectives_in_prometheus_units() -> None:
    assert ALERTS["HighLatency"].condition == "> 0.1"
    assert "histogram_quantile(0.95," in ALERTS["HighLatency"].value
    assert ALERTS["HighErrorRate"].condition == "> 0.001"
    assert 'code=~"5.."' in ALERTS["HighErrorRate"].value


def test_every_alert_waits_says_how_bad_it_is_what_is_wrong_and_where_help_is() -> None:
    (group,) = RULES.groups("https://example.com/alerts.md")

    for rule in [rule for rule in group["rules"] if "alert" in rule]:
        assert re.fullmatch(r"[1-9][0-9]*m", rule["for"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["labels"]["namespace"] == "serving"
        assert rule["annotations"]["summary"] != rule["annotations"]["description"] != ""
        assert rule["annotations"]["runbook_url"] == f"https://example.com/alerts.md#{rule['alert'].lower()}"


@pytest.mark.parametrize("provider", list(contract.ExecutionProvider))
def test_a_server_is_reported_when_it_runs_elsewhere_than_it_should(provider: contract.ExecutionProvider) -> None:
    made = SimpleNamespace(**{**vars(service()), "execution_provider": provider})
    (alert,) = [
        each
        for each in rule_set(SETTINGS, cast("MonitoredService", made), None).alerts
        if each.name == "WrongExecutionProvider"
    ]

    assert f'execution_provider!="{provider}"' in alert.value


def test_only_a_service_with_gpus_is_watched_for_them_and_for_their_nodes() -> None:
    without = {alert.name for alert in rule_set(SETTINGS, service(), None).alerts}
    fixed = {alert.name for alert in rule_set(SETTINGS, service(), GpuNodes(spot_labels=())).alerts}

    assert set(ALERTS) - without == {
        "GpuMemoryNearlyFull", "GpuSaturated", "GpuIdle", "GpuErrors", "SpotNodesReclaimed",
    }  # fmt: skip
    assert set(ALERTS) - fixed == {"SpotNodesReclaimed"}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("karpenter.sh/capacity-type", "label_karpenter_sh_capacity_type"),
        ("eks.amazonaws.com/capacityType", "label_eks_amazonaws_com_capacity_type"),
    ],
)
def test_a_nodes_label_has_the_name_that_kube_state_metrics_gives_it(key: str, name: str) -> None:
    assert cluster_metrics.node_label(key) == name


def test_the_cluster_tells_the_labels_that_queries_tell_spot_nodes_and_pools_by() -> None:
    told = node_labels((("example.com/spot", "yes"),)).removeprefix("nodes=[").removesuffix("]")

    assert set(told.split(",")) == {"example.com/spot", cluster_metrics.INSTANCE_TYPE, POOL_LABEL, NODE_LABEL[0]}


def test_a_server_is_read_as_often_as_autoscaling_reckons_with() -> None:
    (endpoint,) = service_monitor_spec(service())["endpoints"]

    assert endpoint["interval"] == f"{queries.SCRAPE_SECONDS}s"


def test_a_service_that_rests_is_missed_only_while_it_should_run() -> None:
    resting = {alert.name: alert for alert in rule_set(SETTINGS, service(rests_as="model-server"), GPUS).alerts}
    wanted = queries.wanted_replicas("serving", "model-server")

    assert resting["MetricsMissing"].condition == f"== 1 and on() {wanted} > 0"
    assert [name for name, alert in resting.items() if alert != ALERTS[name]] == ["MetricsMissing"]


def test_alerts_of_tracks_are_each_about_one() -> None:
    each = [alert for alert in BY_TRACK.alerts if re.search(NAME, alert.value) and alert.name != "MetricsMissing"]
    missed = [alert.labels for alert in BY_TRACK.alerts if alert.name == "MetricsMissing"]
    joined = [alert.name for alert in each if not re.search(r"by \((\w+, )*track\)", alert.value)]

    assert missed == [{"track": "stable"}, {"track": "canary"}]
    assert joined == []
    assert {alert.name for alert in BY_TRACK.alerts} == set(ALERTS)
