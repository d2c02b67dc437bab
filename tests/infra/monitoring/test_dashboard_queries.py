import json
import re

import pytest

from inference_app import contract
from infra.monitoring import cluster_metrics, queries
from infra.monitoring.alerts import objectives
from infra.monitoring.dashboards import boards, dashboards
from infra.monitoring.dashboards.panel import MODEL, POD, RANGE, RATE, filled_in
from tests.infra.monitoring.subjects import GPUS, PLAIN, SELECTOR, WHOLE

QUERIES = sorted({expr for subject in (WHOLE, PLAIN) for board in boards(subject) for _, _, expr in board.queries})
VARIABLES = json.loads(dashboards(WHOLE)["serving-service.json"])["templating"]["list"]
ON_A_SERIES = {"namespace", "pod", queries.TRACK_LABEL}
"""Labels that Prometheus gives to every series of a pod."""
NODE_LABELS = {
    "node",
    cluster_metrics.node_label(cluster_metrics.INSTANCE_TYPE),
    cluster_metrics.node_label("inference-platform/gpu"),
    *(cluster_metrics.node_label(key) for key, _ in GPUS.spot_labels),
}
OF_THE_CLUSTER = {
    name: NODE_LABELS if name == cluster_metrics.NODE_LABELS else {"hostname", "UUID", "gpu", "modelName", *ON_A_SERIES}
    for key, name in vars(cluster_metrics).items()
    if key.isupper() and isinstance(name, str) and re.fullmatch(r"(DCGM|kube)_\w+", name)
}
RECORDED = {objectives.ASKED: ON_A_SERIES, objectives.FAILED: ON_A_SERIES}


def known() -> dict[str, set[str]]:
    """The labels of every series that there is, by its name."""
    series: dict[str, set[str]] = {**OF_THE_CLUSTER, **RECORDED}
    for metric in contract.METRICS:
        labels = {*metric.labels, *ON_A_SERIES}
        if metric.kind is contract.MetricKind.HISTOGRAM:
            series |= {f"{metric.name}_{part}": labels for part in ("sum", "count")}
            series[f"{metric.name}_bucket"] = {*labels, "le"}
        else:
            series[metric.name] = labels
    return series


def selections(query: str) -> list[tuple[str, str]]:
    """Every name of a series in a query, with its matchers."""
    return re.findall(
        r"\b((?:service:)?(?:inference|DCGM|kube)_[\w:]+)(?:\{((?:[^}\"]|\"[^\"]*\")*)\})?", unlabelled(query)
    )


def unlabelled(query: str) -> str:
    """A query without the groups and matches by label, whose names look like those of series."""
    return re.sub(r"\b(by|on) \([\w, ]*\)", "", query)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_series_and_labels_that_there_are(query: str) -> None:
    found = selections(query)

    assert found
    for name, matchers in found:
        assert name in known()
        assert set(re.findall(r'(\w+)[!=]~?"', matchers)) <= known()[name], matchers


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_groups_by_labels_that_its_series_have(query: str) -> None:
    groups = {
        label for group in re.findall(r"\b(?:by|on) \(([\w, ]*)\)", query) for label in group.split(", ") if label
    }
    made = {"type", "capacity"} if "label_replace" in query else set[str]()

    assert groups - made <= set[str]().union(*(known()[name] for name, _ in selections(query)))


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_about_this_service_or_the_clusters_gpus(query: str) -> None:
    others = {name for name, matchers in selections(query) if not matchers.startswith(SELECTOR)}

    assert others <= {cluster_metrics.NODE_LABELS, cluster_metrics.GPU_UTILISATION}


@pytest.mark.parametrize("query", QUERIES)
def test_a_rate_is_taken_of_counters_and_a_quantile_of_buckets(query: str) -> None:
    counters = {metric.name for metric in contract.METRICS if metric.kind is contract.MetricKind.COUNTER}
    rated = re.findall(r"\b(?:rate|increase)\((\w+)", query)

    assert [name for name in rated if name not in counters and not re.search(r"_(bucket|sum|count)$", name)] == []
    assert query.count("(") == query.count(")")


@pytest.mark.parametrize("query", QUERIES)
def test_grafana_fills_in_every_variable_of_a_query(query: str) -> None:
    given = {RATE, RANGE, *(f"${each['name']}" for each in VARIABLES)}

    assert set(re.findall(r"\$[a-z_]\w+", query)) <= given
    assert {POD, MODEL} <= given
    assert "$_" not in filled_in(query, rate_seconds=60, range_seconds=3600)


def test_a_query_is_filled_in_as_grafana_does() -> None:
    query = f'rate(a{{pod=~"{POD}",model=~"{MODEL}"}}[{RATE}]) / b[{RANGE}] / label_replace(c, "d", "$1", "e", "(.*)")'

    assert filled_in(query, rate_seconds=60, range_seconds=900) == (
        'rate(a{pod=~".*",model=~".*"}[60s]) / b[900s] / label_replace(c, "d", "$1", "e", "(.*)")'
    )


def test_every_metric_of_the_server_is_on_a_dashboard() -> None:
    shown = " ".join(QUERIES)

    # The versions of what was built are asked for when one needs them.
    assert {metric.name for metric in contract.METRICS if metric.name not in shown} == {contract.BUILD_INFO.name}
