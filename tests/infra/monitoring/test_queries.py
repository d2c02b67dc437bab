import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import yaml

from inference_app import contract
from inference_app.process import ServerProcess
from infra.monitoring import queries
from infra.monitoring.alerts import rule_groups
from infra.monitoring.dashboard import dashboard
from infra.monitoring.service import MonitoredService, service_monitor_spec
from infra.settings.monitoring import ObjectiveSettings

SELECTOR = 'namespace="serving"'
OBJECTIVES = ObjectiveSettings.model_validate({"p95LatencyMs": 100, "errorPercent": 0.1})
(GROUP,) = rule_groups(OBJECTIVES, SELECTOR, contract.ExecutionProvider.CUDA)
RULES: dict[str, Any] = {rule["alert"]: rule for rule in GROUP["rules"]}
BOARD: Any = json.loads(dashboard("Model server", SELECTOR))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
SCALING = [queries.requests_per_second(SELECTOR), queries.queue_time_ms(SELECTOR, 40)]
TRACKS = {"stable": None, "canary": queries.wanted_replicas("serving", "model-server-canary")}
(BY_TRACK,) = rule_groups(OBJECTIVES, SELECTOR, contract.ExecutionProvider.CUDA, tracks=TRACKS)
BOARD_BY_TRACK: Any = json.loads(dashboard("Model server", SELECTOR, by_track=True))
SPLIT = [
    *(rule["expr"] for rule in BY_TRACK["rules"]),
    *(target["expr"] for panel in BOARD_BY_TRACK["panels"] for target in panel.get("targets", [])),
    queries.requests_per_second(queries.pods_of("serving", "canary")),
]
EXPRESSIONS = [*QUERIES, *(rule["expr"] for rule in RULES.values()), *SCALING, *SPLIT]


def series() -> set[str]:
    """Every series name that the server's metrics have in Prometheus."""
    names: set[str] = set()
    for metric in contract.METRICS:
        histogram = metric.kind is contract.MetricKind.HISTOGRAM
        names |= {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")} if histogram else {metric.name}
    return names


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_query_names_series_that_the_server_has(expression: str) -> None:
    asked = set(re.findall(r"\binference_\w+", expression))

    assert asked
    assert asked <= series()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_query_asks_for_labels_that_its_metric_has_and_for_this_service_only(expression: str) -> None:
    by_name = {metric.name: metric for metric in contract.METRICS}
    selected = re.findall(r"(inference_\w+)\{(.*?)\}(?=[)\[]|$)", expression)

    assert len(selected) == len(re.findall(r"\binference_\w+", expression))
    for name, matchers in selected:
        metric = by_name.get(name) or by_name[re.sub(r"_(bucket|sum|count)$", "", name)]
        labels = set(re.findall(r'(\w+)[!=]~?"', matchers))
        assert labels - {"namespace", queries.TRACK_LABEL} <= set(metric.labels)
        assert matchers.startswith(SELECTOR)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_quantile_is_taken_of_buckets_and_a_rate_of_counters(expression: str) -> None:
    counters = {metric.name for metric in contract.METRICS if metric.kind is contract.MetricKind.COUNTER}
    rated = re.findall(r"\brate\((inference_\w+)", expression)

    assert [name for name in rated if name not in counters and not re.search(r"_(bucket|sum|count)$", name)] == []
    assert expression.count("histogram_quantile(") == expression.count("_bucket")
    assert expression.count("(") == expression.count(")")


@pytest.fixture(scope="module")
def idle_metrics() -> str:
    """What a server tells of itself before anybody asks it anything."""
    with ServerProcess({"GRPC_PORT": "0"}) as server:
        server.until("ready")
        return httpx.get(f"{server.url()}{contract.Route.METRICS}").text


@pytest.mark.slow
def test_the_routes_counted_as_predictions_are_those_that_ask_a_model(idle_metrics: str) -> None:
    routes = set(re.findall(r'inference_request_duration_seconds_count\{route="([^"]+)"', idle_metrics))

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
    for name in re.findall(r"\binference_\w+", expression):
        assert re.search(rf"^{name}\{{.*\}} 0(\.0)?$", idle_metrics, re.MULTILINE), name


def test_alerts_hold_the_objectives_in_prometheus_units() -> None:
    assert RULES["HighLatency"]["expr"].endswith(" > 0.1")
    assert "histogram_quantile(0.95," in RULES["HighLatency"]["expr"]
    assert RULES["HighErrorRate"]["expr"].endswith(" > 0.001")
    assert 'code=~"5.."' in RULES["HighErrorRate"]["expr"]


def test_every_alert_waits_says_how_bad_it_is_and_what_is_wrong() -> None:
    for rule in RULES.values():
        assert re.fullmatch(r"[1-9][0-9]*m", rule["for"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]


@pytest.mark.parametrize("provider", list(contract.ExecutionProvider))
def test_a_server_is_reported_when_it_runs_elsewhere_than_it_should(provider: contract.ExecutionProvider) -> None:
    (group,) = rule_groups(OBJECTIVES, SELECTOR, provider)
    (expression,) = [rule["expr"] for rule in group["rules"] if "execution_provider" in rule["expr"]]

    assert f'execution_provider!="{provider}"' in expression


def test_a_service_that_vanished_is_noticed() -> None:
    assert RULES["MetricsMissing"]["expr"] == f"absent({contract.READY.name}{{{SELECTOR}}})"
    assert RULES["MetricsMissing"]["labels"]["severity"] == "critical"


def test_grafana_takes_the_dashboard_under_a_name_of_its_own() -> None:
    # Grafana refuses other characters, and names past 40 characters, when it loads the file.
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", BOARD["uid"])
    assert BOARD["title"] == "Model server"
    assert len(QUERIES) == len(set(QUERIES)) > len(PANELS)


def test_the_dashboard_shows_traffic_latency_errors_refusals_and_batching() -> None:
    shown = {metric.name for metric in contract.METRICS if any(metric.name in query for query in QUERIES)}

    assert shown >= {
        "inference_requests_total",
        "inference_request_duration_seconds",
        "inference_rejected_total",
        "inference_queue_size",
        "inference_queue_duration_seconds",
        "inference_batch_size",
        "inference_model_duration_seconds",
    }


def test_the_dashboard_is_the_same_text_at_every_run() -> None:
    assert dashboard("Model server", SELECTOR) == dashboard("Model server", SELECTOR)


WANTED = queries.wanted_replicas("serving", "model-server")


def test_a_server_is_read_as_often_as_autoscaling_reckons_with() -> None:
    service = SimpleNamespace(namespace="serving", labels={}, tracks={}, port_name="http")
    (endpoint,) = service_monitor_spec(cast("MonitoredService", service))["endpoints"]

    assert endpoint["interval"] == f"{queries.SCRAPE_SECONDS}s"


promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is needed (Debian: apt install prometheus)"
)
PODS: tuple[str, ...] = ("a", "b")


def counted(series: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    """A series of each pod, in promtool's notation, at every scrape."""
    return [{"series": f'{series},namespace="serving",pod="{pod}"}}', "values": each} for pod, each in values.items()]


def asked(per_scrape: Mapping[str, str]) -> list[dict[str, str]]:
    return counted('inference_request_duration_seconds_count{route="/predict"', per_scrape)


def waited(
    seconds: Mapping[str, str], waits: Mapping[str, str], work: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """`work` is the seconds of model calls; without it, half of the time."""
    queue = 'inference_queue_duration_seconds_{part}{{model="digits"'
    model = counted('inference_model_duration_seconds_sum{model="digits"', work or dict.fromkeys(PODS, "0+7.5x8"))
    return counted(queue.format(part="sum"), seconds) + counted(queue.format(part="count"), waits) + model


def of_tracks(stable: str, canary: str) -> list[dict[str, str]]:
    """Requests that ask a model, of one pod of each track."""
    name = 'inference_request_duration_seconds_count{route="/predict",namespace="serving",track='
    return [
        {"series": f'{name}"{track}"}}', "values": values} for track, values in (("stable", stable), ("canary", canary))
    ]


IDLE: dict[str, str] = dict.fromkeys(PODS, "0x8")
GONE: dict[str, str] = dict.fromkeys(PODS, "30+30x4 _x8")
WANTS_NONE = [
    {"series": 'kube_deployment_spec_replicas{namespace="serving",deployment="model-server"}', "values": "0x60"}
]


@promtool
@pytest.mark.parametrize(
    ("expression", "series", "value"),
    [
        # Of both pods together: 30 a scrape is 2 a second.
        (SCALING[0], asked({"a": "0+30x8", "b": "0+60x8"}), 6),
        (SCALING[0], asked(IDLE), 0),
        (SCALING[0], [], None),
        # Of the four scrapes in a minute two may fail.
        (SCALING[0], asked({"a": "0 30 60 90 120 150 _ _ 240"}), 2),
        (SCALING[0], asked({"a": "0 30 60 90 120 150 _ _ _"}), None),
        (SCALING[0], counted('inference_request_duration_seconds_count{route="/health"', {"a": "0+30x8"}), None),
        # Means of 10 ms and 5 ms.
        (SCALING[1], waited({"a": "0+0.3x8", "b": "0+0.15x8"}, {"a": "0+30x8", "b": "0+30x8"}), 15),
        # Half a second counts as 40 ms, and a pod that nobody asks as nothing.
        (SCALING[1], waited({"a": "0+15x8", "b": "0x8"}, {"a": "0+30x8", "b": "0x8"}), 40),
        (SCALING[1], waited(IDLE, IDLE), 0),
        # A pod at work for a tenth of the time has no load to wait for; one at work for a third has.
        (SCALING[1], waited({"a": "0+15x8", "b": "0+0.15x8"}, {"a": "0+30x8", "b": "0+30x8"},
                            {"a": "0+1.5x8", "b": "0+5x8"}), 5),
        (SCALING[1], waited({"a": "0+15x8"}, {"a": "0+30x8"}, IDLE), 0),
        (SCALING[1], [], None),
        # 30 a scrape of the stable track, 60 of the canary.
        (queries.requests_per_second(queries.pods_of("serving", "canary")), of_tracks("0+30x8", "0+60x8"), 4),
    ],
)  # fmt: skip
def test_prometheus_itself_counts_the_load_and_tells_none_from_unknown(
    expression: str, series: list[dict[str, str]], value: float | None, tmp_path: Path
) -> None:
    evaluate(expression, series, value, tmp_path)
    evaluate(queries.zero_while_none_is_wanted(expression, "serving", "model-server"), series, value, tmp_path)


@promtool
@pytest.mark.parametrize("expression", SCALING)
@pytest.mark.parametrize("series", [[], asked(GONE) + waited(GONE, GONE)])
def test_a_service_that_should_not_run_has_no_load(
    expression: str, series: list[dict[str, str]], tmp_path: Path
) -> None:
    resting = queries.zero_while_none_is_wanted(expression, "serving", "model-server")

    evaluate(resting, series + WANTS_NONE, 0, tmp_path, at="600s")


def evaluate(
    expression: str, series: list[dict[str, str]], value: float | None, folder: Path, at: str = "130s"
) -> None:
    """Asserts that a real PromQL engine finds `value`, to a thousandth, or nothing where that is None."""
    expected = [] if value is None else [{"labels": "{}", "value": value}]
    case = {
        "interval": f"{queries.SCRAPE_SECONDS}s",
        "input_series": series,
        "promql_expr_test": [{"expr": f"round({expression}, 0.001)", "eval_time": at, "exp_samples": expected}],
    }
    run_promtool([], case, folder)


def test_a_service_that_rests_is_missed_only_while_it_should_run() -> None:
    (group,) = rule_groups(OBJECTIVES, SELECTOR, contract.ExecutionProvider.CUDA, WANTED)
    resting = {rule["alert"]: rule["expr"] for rule in group["rules"]}

    assert resting.pop("MetricsMissing") == f"{RULES['MetricsMissing']['expr']} and on() {WANTED} > 0"
    assert resting == {name: rule["expr"] for name, rule in RULES.items() if name != "MetricsMissing"}


@promtool
@pytest.mark.parametrize(("replicas", "fires"), [(0, False), (2, True)])
def test_prometheus_itself_misses_a_resting_service_only_while_it_should_run(
    replicas: int, fires: bool, tmp_path: Path
) -> None:
    groups = rule_groups(OBJECTIVES, SELECTOR, contract.ExecutionProvider.CUDA, WANTED)
    wanted = 'kube_deployment_spec_replicas{namespace="serving",deployment="model-server"}'
    alert = {"exp_labels": {"severity": "critical", "namespace": "serving"}, "exp_annotations": {
        "summary": RULES["MetricsMissing"]["annotations"]["summary"]}}  # fmt: skip
    case = {
        "interval": "1m",
        "input_series": [{"series": wanted, "values": f"{replicas}x20"}],
        "alert_rule_test": [
            {"eval_time": "10m", "alertname": "MetricsMissing", "exp_alerts": [alert] if fires else []}
        ],
    }
    run_promtool(groups, case, tmp_path)


def run_promtool(groups: list[dict[str, Any]], case: dict[str, Any], folder: Path) -> None:
    """Asserts that a case holds for rules in a real Prometheus' engine."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [case]}
    (folder / "test.yaml").write_text(yaml.safe_dump(test), encoding="utf-8")

    done = subprocess.run(["promtool", "test", "rules", str(folder / "test.yaml")], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_and_graphs_of_tracks_are_each_about_one() -> None:
    absent = {rule["expr"] for rule in BY_TRACK["rules"] if rule["alert"] == "MetricsMissing"}
    others = [rule["expr"] for rule in BY_TRACK["rules"] if rule["alert"] != "MetricsMissing"]
    legends = [target["legendFormat"] for panel in BOARD_BY_TRACK["panels"] for target in panel.get("targets", [])]

    assert absent == {
        'absent(inference_ready{namespace="serving",track="stable"})',
        f'absent(inference_ready{{namespace="serving",track="canary"}}) and on() {TRACKS["canary"]} > 0',
    }
    assert [expr for expr in others if not re.search(r"by \((le, )?track\)", expr)] == []
    assert [legend for legend in legends if not legend.startswith("{{track}} ")] == []
    assert {rule["alert"] for rule in BY_TRACK["rules"]} == set(RULES)


@promtool
def test_prometheus_itself_tells_which_track_fails(tmp_path: Path) -> None:
    requests = (
        'inference_requests_total{{route="/predict",method="POST",code="{code}",namespace="serving",track="{track}"}}'
    )
    counts = [("stable", "200", "0+60x20"), ("canary", "200", "0+60x20"), ("canary", "500", "0+30x20")]
    case = {
        "interval": "1m",
        "input_series": [
            {"series": requests.format(track=track, code=code), "values": values} for track, code, values in counts
        ],
        "alert_rule_test": [
            {
                "eval_time": "15m",
                "alertname": "HighErrorRate",
                "exp_alerts": [
                    {
                        "exp_labels": {"severity": "critical", "track": "canary"},
                        "exp_annotations": RULES["HighErrorRate"]["annotations"],
                    }
                ],
            }
        ],
        "promql_expr_test": [
            {
                "expr": queries.error_ratio(SELECTOR, "5m", queries.TRACK_LABEL),
                "eval_time": "15m",
                "exp_samples": [
                    {"labels": '{track="stable"}', "value": 0},
                    {"labels": '{track="canary"}', "value": 1 / 3},
                ],
            }
        ],
    }
    run_promtool([BY_TRACK], case, tmp_path)
