from prometheus_client.parser import text_string_to_metric_families

from inference_app import contract
from inference_app.metrics import Metrics


def families(metrics: Metrics) -> dict[str, tuple[str, str]]:
    text = metrics.exposition("text/plain")[0].decode()
    return {family.name: (family.type, family.documentation) for family in text_string_to_metric_families(text)}


def test_exactly_the_metrics_of_the_contract_are_exported() -> None:
    exported = families(Metrics("digits"))
    wanted = {metric.name.removesuffix("_total"): (metric.kind.value, metric.help) for metric in contract.METRICS}
    assert exported == wanted


def test_counters_and_only_they_end_in_total() -> None:
    counters = {metric.name for metric in contract.METRICS if metric.kind is contract.MetricKind.COUNTER}
    assert counters == {metric.name for metric in contract.METRICS if metric.name.endswith("_total")}


def test_two_servers_in_one_process_count_apart() -> None:
    one, other = Metrics("digits"), Metrics("digits")
    one.rejected.inc()
    assert other.registry.get_sample_value("inference_rejected_total", {"model": "digits"}) == 0
