import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from inference_app import contract
from inference_app.metrics import Metrics, total

BATCHES = 'inference_batch_size_count{model="digits"}'
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def families(metrics: Metrics) -> list[Metric]:
    return list(text_string_to_metric_families(metrics.exposition("text/plain")[0].decode()))


def samples(metrics: Metrics) -> dict[str, float]:
    """Values by what stands before them in the exposition."""
    lines = metrics.exposition("text/plain")[0].decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def exemplars(metrics: Metrics) -> list[str]:
    """What stands behind the values of the bucket lines that have an example, timestamps left out."""
    lines = metrics.exposition(OPENMETRICS)[0].decode().splitlines()
    return [line.rsplit(" ", 1)[0] for line in lines if " # " in line]


def busy() -> Metrics:
    """A server that has answered."""
    metrics = Metrics()
    model = metrics.model("digits", "1")
    model.execution_provider = "CPUExecutionProvider"
    model.queue_seconds(0.0001)
    model.batch(3, 0.002)
    metrics.route("/predict").observe(200, 0.003)
    return metrics


def test_exactly_the_metrics_of_the_contract_and_the_processs_own_are_exported() -> None:
    exported = {entry.name: (entry.type, entry.documentation) for entry in families(busy())}
    wanted = {metric.name.removesuffix("_total"): (metric.kind.value, metric.help) for metric in contract.METRICS}
    assert {name: found for name, found in exported.items() if not name.startswith("process_")} == wanted


def test_every_metric_has_the_labels_of_the_contract() -> None:
    exported = {
        entry.name: {label for sample in entry.samples for label in sample.labels} for entry in families(busy())
    }
    wanted = {metric.name.removesuffix("_total"): set(metric.labels) for metric in contract.METRICS}
    assert {name: exported[name] - {"le"} for name in wanted} == wanted


def test_counters_and_only_they_end_in_total() -> None:
    counters = {metric.name for metric in contract.METRICS if metric.kind is contract.MetricKind.COUNTER}
    assert counters == {metric.name for metric in contract.METRICS if metric.name.endswith("_total")}


def test_memory_and_cpu_time_of_the_process_are_exported() -> None:
    found = samples(Metrics())
    assert found["process_resident_memory_bytes"] > 10_000_000
    assert found["process_cpu_seconds_total"] > 0


def test_two_servers_in_one_process_count_apart() -> None:
    one, other = busy(), Metrics()
    assert BATCHES in samples(one)
    assert BATCHES not in samples(other)


def test_answers_are_counted_by_route_and_code() -> None:
    metrics = Metrics()
    for status in (200, 200, 503):
        metrics.route("/predict").observe(status, 0.01)
    found = samples(metrics)
    assert found['inference_requests_total{code="200",route="/predict"}'] == 2
    assert found['inference_requests_total{code="503",route="/predict"}'] == 1
    assert found['inference_request_duration_seconds_count{route="/predict"}'] == 3
    assert found['inference_request_duration_seconds_sum{route="/predict"}'] == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, "0.001"), (0.001, "0.001"), (0.0010001, "0.0025"), (5.0, "5.0"), (5.1, "+Inf")]
)
def test_a_value_counts_from_the_first_bucket_whose_bound_it_does_not_exceed(seconds: float, bucket: str) -> None:
    metrics = Metrics()
    metrics.route("/predict").observe(200, seconds)
    found, bounds = samples(metrics), [*map(str, contract.LATENCY_BUCKETS), "+Inf"]
    counts = [found[f'inference_request_duration_seconds_bucket{{le="{bound}",route="/predict"}}'] for bound in bounds]
    below = bounds.index(bucket)
    assert counts == [0] * below + [1] * (len(bounds) - below)


def test_gauges_are_read_at_the_scrape() -> None:
    metrics = busy()
    metrics.ready, metrics.in_flight = lambda: 1.0, 7
    metrics.models["digits", "1"].queue_size = lambda: 5
    found = samples(metrics)
    assert (found["inference_ready"], found["inference_in_flight_requests"]) == (1, 7)
    assert found['inference_queue_size{model="digits"}'] == 5


def test_a_model_without_a_provider_does_not_answer_yet() -> None:
    metrics = Metrics()
    model = metrics.model("digits", "2")
    info = 'inference_model_info{execution_provider="CUDAExecutionProvider",model="digits",version="2"}'
    before = samples(metrics)
    model.execution_provider = "CUDAExecutionProvider"
    assert info not in before
    assert samples(metrics)[info] == 1


def test_versions_of_one_model_add_up() -> None:
    metrics = busy()
    second = metrics.model("digits", "2")
    second.batch(5, 0.001)
    second.rejected += 2
    found = samples(metrics)
    assert found['inference_batch_size_sum{model="digits"}'] == 8
    assert found['inference_rejected_total{model="digits"}'] == 2


def test_a_counter_does_not_fall_when_one_of_two_versions_is_unloaded() -> None:
    metrics = busy()
    metrics.model("digits", "2").batch(5, 0.001)
    before = samples(metrics)
    metrics.remove_model("digits", "1")
    after = samples(metrics)
    names = ("inference_batch_size", "inference_model_duration_seconds", "inference_queue_duration_seconds")
    counts = [f'{name}_count{{model="digits"}}' for name in names]
    assert [after[name] for name in counts] == [before[name] for name in counts] == [2, 2, 1]
    assert not any(name.startswith("inference_model_info") for name in after)


def test_switches_are_counted_by_result_from_0_on() -> None:
    metrics = busy()
    metrics.models["digits", "1"].switches[contract.SwitchResult.SWITCHED] += 1
    found = samples(metrics)
    assert found['inference_model_switches_total{model="digits",result="switched"}'] == 1
    assert found['inference_model_switches_total{model="digits",result="failed"}'] == 0


def test_an_unloaded_model_leaves_no_series() -> None:
    metrics = busy()
    metrics.remove_model("digits", "1")
    assert [name for name in samples(metrics) if "digits" in name] == []


def test_a_version_that_is_loaded_again_keeps_its_counts_when_its_first_instance_goes() -> None:
    metrics = busy()
    again = metrics.model("digits", "1")
    metrics.remove_model("digits", "1")
    again.batch(1, 0.001)
    assert samples(metrics)[BATCHES] == 2


def test_a_bucket_names_the_newest_trace_that_fell_into_it() -> None:
    metrics = Metrics()
    route = metrics.route("/predict")
    route.observe(200, 0.003, "0" * 31 + "1")
    route.observe(200, 0.004, "0" * 31 + "2")
    route.observe(200, 0.004)
    bucket = 'inference_request_duration_seconds_bucket{le="0.005",route="/predict"} 3.0'
    assert exemplars(metrics) == [f'{bucket} # {{trace_id="{"0" * 31}2"}} 0.004']


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain; version=x", "application/openmetrics-text; version=-", ","])
def test_any_accept_header_gets_an_exposition(accept: str) -> None:
    content, content_type = Metrics().exposition(accept)
    assert content_type.startswith(("text/plain", "application/openmetrics-text"))
    assert b"inference_ready 0.0" in content


def test_openmetrics_is_given_to_those_who_ask_for_it() -> None:
    content, content_type = Metrics().exposition(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    assert content.endswith(b"# EOF\n")


def test_whatever_several_processes_count_is_added_up() -> None:
    metrics = busy()
    metrics.models["digits", "1"].rejected = 1
    metrics.models["digits", "1"].switches[contract.SwitchResult.FAILED] = 1
    metrics.models["digits", "1"].load_duration.observe(0.2)
    metrics.models["digits", "1"].queue_size = lambda: 5
    metrics.in_flight, metrics.ready = 1, lambda: 1.0
    once, twice = samples(metrics), samples(total([metrics, metrics]))
    alike = ("inference_ready", "inference_model_info")
    counted = {name: value for name, value in once.items() if value and name.startswith("inference_")}
    assert all(any(name.startswith(metric.name) for name in counted) for metric in contract.METRICS)
    assert {name: twice[name] for name in counted} == {
        name: value if name.startswith(alike) else 2 * value for name, value in counted.items()
    }


def test_several_processes_are_as_ready_as_the_least_ready() -> None:
    ready, loading = Metrics(), Metrics()
    ready.ready = lambda: 1.0
    assert total([ready, loading]).ready() == 0.0
