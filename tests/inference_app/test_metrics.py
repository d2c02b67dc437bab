import platform
import re

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from inference_app import __version__, contract
from inference_app.asynchronous.job import Backlog
from inference_app.contract import MetricKind
from inference_app.metrics import CacheMetrics, JobMetrics, Metrics, total
from inference_app.sessions import ort
from tests.inference_app.nvml import Nvml

UNITS = ("seconds", "bytes", "ratio")
"""Prometheus' base units that occur here (https://prometheus.io/docs/practices/naming/#base-units)."""
COUNTED = {
    "inference_in_flight_requests",
    "inference_queue_size",
    "inference_queue_capacity",
    "inference_batch_size",
    "inference_jobs_open",
}
"""What counts requests, examples or jobs has no unit."""

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


def busy(gpu: int | None = None) -> Metrics:
    """A server that has answered."""
    metrics = Metrics(gpu=gpu)
    model = metrics.model("digits", "1")
    model.execution_provider = "CPUExecutionProvider"
    model.queue_seconds(0.0001)
    model.queue_capacity = 512
    model.batch(3, 0.002)
    model.routes["/predict"].observe(200, 0.003)
    model.cache = CacheMetrics()
    model.cache.lookups[contract.LookupResult.HIT] += 1
    model.cache.stores[contract.StoreResult.STORED] += 1
    model.cache.duration.observe(0.0004)
    jobs = metrics.jobs["digits"] = JobMetrics()
    jobs.results[contract.JobResult.SUCCEEDED] += 1
    jobs.wait.observe(0.3)
    metrics.backlog = Backlog(jobs=2, oldest_seconds=0.7)
    return metrics


def test_exactly_the_metrics_of_the_contract_and_the_processs_own_are_exported() -> None:
    exported = {entry.name: (entry.type, entry.documentation) for entry in families(busy())}
    wanted = {metric.name.removesuffix("_total"): (metric.kind.value, metric.help) for metric in contract.METRICS}
    assert {name: found for name, found in exported.items() if not name.startswith("process_")} == wanted


@pytest.mark.usefixtures("nvml")
def test_every_metric_has_the_labels_of_the_contract() -> None:
    exported = {
        entry.name: {label for sample in entry.samples for label in sample.labels} for entry in families(busy(gpu=0))
    }
    wanted = {metric.name.removesuffix("_total"): set(metric.labels) for metric in contract.METRICS}
    assert {name: exported[name] - {"le"} for name in wanted} == wanted


def test_counters_and_only_they_end_in_total() -> None:
    counters = {metric.name for metric in contract.METRICS if metric.kind is MetricKind.COUNTER}
    assert counters == {metric.name for metric in contract.METRICS if metric.name.endswith("_total")}


def test_every_metric_is_named_by_its_base_unit_and_says_what_it_is() -> None:
    """https://prometheus.io/docs/practices/naming/"""
    measured = [metric for metric in contract.METRICS if metric.kind is not MetricKind.COUNTER]
    measured = [metric for metric in measured if metric.name not in {*COUNTED, contract.READY.name}]
    assert [metric.name for metric in measured if not metric.name.endswith((*UNITS, "_info"))] == []
    assert [metric.name for metric in contract.METRICS if not re.fullmatch("inference(_[a-z]+)+", metric.name)] == []
    assert [metric.name for metric in contract.METRICS if not re.fullmatch("[A-Z1].*[.]", metric.help)] == []


def test_histograms_and_only_they_have_buckets() -> None:
    histograms = {metric.name for metric in contract.METRICS if metric.kind is MetricKind.HISTOGRAM}
    assert histograms == {metric.name for metric in contract.METRICS if metric.buckets}
    assert all(list(metric.buckets) == sorted(set(metric.buckets)) for metric in contract.METRICS)


def test_the_build_names_its_versions() -> None:
    versions = f'onnxruntime="{ort.__version__}",python="{platform.python_version()}",version="{__version__}"'
    assert samples(Metrics())[f"inference_build_info{{{versions}}}"] == 1


@pytest.mark.usefixtures("nvml")
def test_the_gpus_memory_is_told_once_a_model_runs_on_it() -> None:
    metrics = busy(gpu=0)
    metrics.models["digits", "1"].execution_provider = None
    before = samples(metrics)
    metrics.models["digits", "1"].execution_provider = "CUDAExecutionProvider"
    after = samples(metrics)
    assert [name for name in before if "gpu" in name] == []
    assert after[f'inference_gpu_memory_used_bytes{{device="{Nvml.GPU}"}}'] == Nvml.USED
    assert after[f'inference_gpu_memory_size_bytes{{device="{Nvml.GPU}"}}'] == Nvml.SIZE


@pytest.mark.usefixtures("nvml")
def test_a_server_on_the_cpu_has_no_series_of_a_gpu() -> None:
    assert [name for name in samples(busy()) if "gpu" in name] == []


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
        metrics.routes["/predict"].observe(status, 0.01)
    found, labels = samples(metrics), 'model="",route="/predict",version=""'
    assert found[f'inference_requests_total{{code="200",{labels}}}'] == 2
    assert found[f'inference_requests_total{{code="503",{labels}}}'] == 1
    assert found[f"inference_request_duration_seconds_count{{{labels}}}"] == 3
    assert found[f"inference_request_duration_seconds_sum{{{labels}}}"] == pytest.approx(0.03)


def test_answers_of_a_model_are_counted_by_its_version() -> None:
    metrics = busy()
    metrics.routes["/predict"].observe(401, 0.001)
    metrics.model("digits", "2").routes["/predict"].observe(429, 0.001)
    answers = {name: value for name, value in samples(metrics).items() if name.startswith("inference_requests_total")}
    assert answers == {
        'inference_requests_total{code="200",model="digits",route="/predict",version="1"}': 1,
        'inference_requests_total{code="429",model="digits",route="/predict",version="2"}': 1,
        'inference_requests_total{code="401",model="",route="/predict",version=""}': 1,
    }


def test_a_route_counts_from_0_on_where_requests_are_expected() -> None:
    metrics = busy()
    metrics.models["digits", "1"].routes.begin("/invocations")
    metrics.models["digits", "1"].routes.begin("/predict")
    found = samples(metrics)
    asked = 'inference_request_duration_seconds_count{{model="digits",route="{}",version="1"}}'
    assert [found[asked.format(route)] for route in ("/predict", "/invocations")] == [1, 0]


def test_the_latency_target_ends_a_bucket_whoever_counts() -> None:
    metrics = Metrics(request_bounds=contract.request_buckets(0.15))
    metrics.routes["/predict"].observe(200, 0.12)
    metrics.model("digits", "1").routes["/predict"].observe(200, 0.12)
    found = samples(total([Metrics(), metrics, metrics]))
    buckets = {name: value for name, value in found.items() if 'le="0.15"' in name}
    below = [value for name, value in found.items() if 'le="0.1"' in name and "_request_duration_" in name]
    assert buckets == {
        'inference_request_duration_seconds_bucket{le="0.15",model="digits",route="/predict",version="1"}': 2,
        'inference_request_duration_seconds_bucket{le="0.15",model="",route="/predict",version=""}': 2,
    }
    assert below == [0, 0]


@pytest.mark.parametrize("target", [None, 0.1])
def test_a_target_at_a_buckets_bound_adds_none(target: float | None) -> None:
    assert contract.request_buckets(target) == contract.LATENCY_BUCKETS


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, "0.001"), (0.001, "0.001"), (0.0010001, "0.0025"), (5.0, "5.0"), (5.1, "+Inf")]
)
def test_a_value_counts_from_the_first_bucket_whose_bound_it_does_not_exceed(seconds: float, bucket: str) -> None:
    metrics = Metrics()
    metrics.routes["/predict"].observe(200, seconds)
    found, bounds = samples(metrics), [*map(str, contract.LATENCY_BUCKETS), "+Inf"]
    name = 'inference_request_duration_seconds_bucket{{le="{}",model="",route="/predict",version=""}}'
    counts = [found[name.format(bound)] for bound in bounds]
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


def test_queues_of_one_models_versions_add_up_with_their_bounds() -> None:
    metrics = busy()
    second = metrics.model("digits", "2")
    second.queue_capacity = 64
    for model in metrics.models.values():
        model.queue_size = lambda: 5
    found = samples(metrics)
    assert found['inference_queue_size{model="digits"}'] == 10
    assert found['inference_queue_capacity{model="digits"}'] == 512 + 64


def test_a_counter_does_not_fall_when_one_of_two_versions_is_unloaded() -> None:
    metrics = busy()
    metrics.model("digits", "2").batch(5, 0.001)
    before = samples(metrics)
    metrics.remove_model("digits", "1")
    after = samples(metrics)
    names = ("inference_batch_size", "inference_model_duration_seconds", "inference_queue_duration_seconds")
    counts = [f'{name}_count{{model="digits"}}' for name in names]
    assert [after[name] for name in counts] == [before[name] for name in counts] == [2, 2, 1]
    assert [name for name in after if 'version="1"' in name] == []


def test_switches_are_counted_by_result_from_0_on() -> None:
    metrics = busy()
    metrics.models["digits", "1"].switches[contract.SwitchResult.SWITCHED] += 1
    found = samples(metrics)
    assert found['inference_model_switches_total{model="digits",result="switched"}'] == 1
    assert found['inference_model_switches_total{model="digits",result="failed"}'] == 0


def test_a_server_without_a_cache_has_no_series_of_one() -> None:
    metrics = busy()
    metrics.models["digits", "1"].cache = None
    assert [name for name in samples(metrics) if "cache" in name] == []


def test_lookups_are_counted_by_result_from_0_on() -> None:
    found = samples(busy())
    lookups = {
        result: found[f'inference_cache_lookups_total{{model="digits",result="{result}"}}']
        for result in contract.LookupResult
    }
    assert lookups == {"hit": 1, "miss": 0, "error": 0, "skipped": 0}


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
    route = metrics.routes["/predict"]
    route.observe(200, 0.003, "0" * 31 + "1")
    route.observe(200, 0.004, "0" * 31 + "2")
    route.observe(200, 0.004)
    bucket = 'inference_request_duration_seconds_bucket{le="0.005",model="",route="/predict",version=""} 3.0'
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
    queue = (contract.OPEN_JOBS.name, contract.OLDEST_JOB.name)  # of which every process tells
    alike = ("inference_ready", "inference_model_info", "inference_build_info", *queue)
    counted = {name: value for name, value in once.items() if value and name.startswith("inference_")}
    gpu = {contract.GPU_MEMORY_USED, contract.GPU_MEMORY_SIZE}
    assert {metric for metric in contract.METRICS if not any(name.startswith(metric.name) for name in counted)} == gpu
    assert {name: twice[name] for name in counted} == {
        name: value if name.startswith(alike) else 2 * value for name, value in counted.items()
    }


def test_several_processes_are_as_ready_as_the_least_ready() -> None:
    ready, loading = Metrics(), Metrics()
    ready.ready = lambda: 1.0
    assert total([ready, loading]).ready() == 0.0
