import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from inference_app import contract
from inference_app.process import ServerProcess
from infra.monitoring import queries
from infra.monitoring.alerts import rule_groups
from infra.monitoring.dashboard import dashboard
from infra.settings.monitoring import ObjectiveSettings

SELECTOR = 'namespace="serving"'
OBJECTIVES = ObjectiveSettings.model_validate({"p95LatencyMs": 100, "errorPercent": 0.1})
(GROUP,) = rule_groups(OBJECTIVES, SELECTOR, contract.ExecutionProvider.CUDA)
RULES: dict[str, Any] = {rule["alert"]: rule for rule in GROUP["rules"]}
BOARD: Any = json.loads(dashboard("Model server", SELECTOR))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
EXPRESSIONS = [*QUERIES, *(rule["expr"] for rule in RULES.values())]


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
        assert labels - {"namespace"} <= set(metric.labels)
        assert matchers.startswith(SELECTOR)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_quantile_is_taken_of_buckets_and_a_rate_of_counters(expression: str) -> None:
    counters = {metric.name for metric in contract.METRICS if metric.kind is contract.MetricKind.COUNTER}
    rated = re.findall(r"\brate\((inference_\w+)", expression)

    assert [name for name in rated if name not in counters and not re.search(r"_(bucket|sum|count)$", name)] == []
    assert expression.count("histogram_quantile(") == expression.count("_bucket")
    assert expression.count("(") == expression.count(")")


@pytest.mark.slow
def test_the_routes_counted_as_predictions_are_those_that_ask_a_model() -> None:
    with ServerProcess({"GRPC_PORT": "0"}) as server:
        server.until("ready")
        metrics = httpx.get(f"{server.url()}{contract.Route.METRICS}").text
    routes = set(re.findall(r'inference_request_duration_seconds_count\{route="([^"]+)"', metrics))

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


def test_a_service_that_rests_is_missed_only_while_it_should_run() -> None:
    (group,) = rule_groups(OBJECTIVES, SELECTOR, contract.ExecutionProvider.CUDA, WANTED)
    resting = {rule["alert"]: rule["expr"] for rule in group["rules"]}

    assert resting.pop("MetricsMissing") == f"{RULES['MetricsMissing']['expr']} and on() {WANTED} > 0"
    assert resting == {name: rule["expr"] for name, rule in RULES.items() if name != "MetricsMissing"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is needed (Debian: apt install prometheus)")
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
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test), encoding="utf-8")

    done = subprocess.run(["promtool", "test", "rules", str(tmp_path / "test.yaml")], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
