"""The metrics of `contract.METRICS` in Prometheus' text formats, and the process's own memory and CPU time."""

import platform
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from inference_app import __version__, contract
from inference_app.gpu_memory import GpuMemory
from inference_app.metrics import CacheMetrics, Histogram, Metrics, ModelMetrics, RouteMetrics
from inference_app.sessions import ort

if TYPE_CHECKING:
    from inference_app.siblings import Siblings

Labels = tuple[str, ...]
"""Values, in the order of the metric's label names."""


class Exposition:
    """One server's metrics in a registry of their own, so that two servers in one process count apart."""

    def __init__(self, metrics: Metrics, siblings: "Siblings | None" = None) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(ServerCollector(metrics, siblings))
        self._registry.register(WorkersCollector(siblings) if siblings else ProcessCollector(registry=None))

    def encode(self, accept: str) -> tuple[bytes, str]:
        """The text and its content type, in the format that the `Accept` header asks for."""
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # the header asks for a version that is no number
            encode, content_type = choose_encoder("")
        return encode(self._registry), content_type


class ServerCollector(Collector):
    """Reads the counts at each scrape."""

    def __init__(self, metrics: Metrics, siblings: "Siblings | None") -> None:
        self._metrics = metrics
        self._siblings = siblings
        self._gpu = None if metrics.gpu is None else GpuMemory(metrics.gpu)

    def collect(self) -> Iterator[Metric]:
        """One family for each metric of the contract."""
        metrics = self._siblings.total(self._metrics) if self._siblings else self._metrics
        models = _models(metrics)
        routes = _routes(metrics)
        yield _counter(contract.REQUESTS, _answers(routes))
        yield _histogram(contract.REQUEST_DURATION, {labels: route.duration for labels, route in routes.items()})
        yield _counter(contract.REJECTED, {(name,): model.rejected for name, model in models.items()})
        yield _gauge(contract.IN_FLIGHT, {(): metrics.in_flight})
        yield _gauge(contract.QUEUE_SIZE, _sums(metrics, lambda model: model.queue_size()))
        yield _gauge(contract.QUEUE_CAPACITY, _sums(metrics, lambda model: model.queue_capacity))
        yield _histogram(contract.QUEUE_DURATION, {(name,): model.queue_duration for name, model in models.items()})
        yield _histogram(contract.BATCH_SIZE, {(name,): model.batch_size for name, model in models.items()})
        yield _histogram(contract.MODEL_DURATION, {(name,): model.duration for name, model in models.items()})
        yield _gauge(contract.MODEL_INFO, _running(metrics))
        yield _counter(contract.SWITCHES, _switches(models))
        yield _histogram(contract.LOAD_DURATION, {(name,): model.load_duration for name, model in models.items()})
        yield from _cache({name: model.cache for name, model in models.items() if model.cache is not None})
        yield _counter(contract.JOBS, _jobs(metrics))
        yield _histogram(contract.JOB_WAIT, {(name,): jobs.wait for name, jobs in metrics.jobs.items()})
        backlog = metrics.backlog
        yield _gauge(contract.OPEN_JOBS, {} if backlog is None else {(): backlog.jobs})
        yield _gauge(contract.OLDEST_JOB, {} if backlog is None else {(): backlog.oldest_seconds})
        yield from self._gpu_memory()
        yield _gauge(contract.BUILD_INFO, {(__version__, platform.python_version(), ort.__version__): 1})
        yield _gauge(contract.READY, {(): metrics.ready()})

    def _gpu_memory(self) -> Iterator[Metric]:
        runs = any(model.execution_provider for model in self._metrics.models.values())  # else CUDA has yet to start
        usage = self._gpu.read() if self._gpu is not None and runs else None
        yield _gauge(contract.GPU_MEMORY_USED, {} if usage is None else {(usage.device,): usage.used})
        yield _gauge(contract.GPU_MEMORY_SIZE, {} if usage is None else {(usage.device,): usage.size})


class WorkersCollector(Collector):
    """Memory, CPU time and open files of each worker; apart, since what a new one counts begins at 0 again."""

    def __init__(self, siblings: "Siblings") -> None:
        self._siblings = siblings

    def collect(self) -> Iterator[Metric]:
        """The process metrics with the worker's number as a label."""
        families: dict[str, Metric] = {}
        for number, pid in self._siblings.pids().items():
            for family in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                labelled = [sample._replace(labels={"worker": str(number)}) for sample in family.samples]
                empty = Metric(family.name, family.documentation, family.type)
                families.setdefault(family.name, empty).samples += labelled
        yield from families.values()


def _models(metrics: Metrics) -> dict[str, ModelMetrics]:
    """By name: versions of one model share its series."""
    models: dict[str, ModelMetrics] = {}
    for (name, _), model in metrics.models.items():
        models.setdefault(name, ModelMetrics()).absorb(model)
    return models


def _routes(metrics: Metrics) -> dict[Labels, RouteMetrics]:
    """By route, model and version; the last two are empty for requests that reached no model."""
    routes: dict[Labels, RouteMetrics] = {(label, "", ""): route for label, route in metrics.routes.items()}
    for key, model in metrics.models.items():
        routes |= {(label, *key): route for label, route in model.routes.items()}
    return routes


def _answers(routes: Mapping[Labels, RouteMetrics]) -> Mapping[Labels, float]:
    return {
        (label, str(code), *model): count
        for (label, *model), route in routes.items()
        for code, count in route.codes.items()
    }


def _switches(models: Mapping[str, ModelMetrics]) -> Mapping[Labels, float]:
    return {(name, result): count for name, model in models.items() for result, count in model.switches.items()}


def _cache(caches: Mapping[str, CacheMetrics]) -> Iterator[Metric]:
    looked = {(name, result): count for name, cache in caches.items() for result, count in cache.lookups.items()}
    stored = {(name, result): count for name, cache in caches.items() for result, count in cache.stores.items()}
    yield _counter(contract.CACHE_LOOKUPS, looked)
    yield _histogram(contract.CACHE_LOOKUP_DURATION, {(name,): cache.duration for name, cache in caches.items()})
    yield _counter(contract.CACHE_STORES, stored)


def _sums(metrics: Metrics, gauge: Callable[[ModelMetrics], float]) -> Mapping[Labels, float]:
    """By name, over the versions that are loaded: each has a queue of its own."""
    sums: dict[Labels, float] = {}
    for (name, _), model in metrics.models.items():
        sums[name,] = sums.get((name,), 0) + gauge(model)
    return sums


def _running(metrics: Metrics) -> Mapping[Labels, float]:
    models = metrics.models.items()
    return {(*key, model.execution_provider): 1 for key, model in models if model.execution_provider is not None}


def _jobs(metrics: Metrics) -> Mapping[Labels, float]:
    return {(name, result): count for name, jobs in metrics.jobs.items() for result, count in jobs.results.items()}


def _counter(metric: contract.Metric, counts: Mapping[Labels, float]) -> Metric:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, count in counts.items():
        family.add_metric(labels, count)
    return family


def _gauge(metric: contract.Metric, values: Mapping[Labels, float]) -> Metric:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _histogram(metric: contract.Metric, histograms: Mapping[Labels, Histogram]) -> Metric:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, histogram in histograms.items():
        family.add_metric(labels, list(_buckets(histogram)), histogram.total)
    return family


def _buckets(histogram: Histogram) -> Iterator[tuple[str, float] | tuple[str, float, Exemplar]]:
    """Upper bound, observations up to it, and an example where there is one."""
    bounds = (*map(str, histogram.bounds), "+Inf")
    for index, (bound, count) in enumerate(zip(bounds, accumulate(histogram.counts), strict=True)):
        exemplar = histogram.exemplars.get(index)
        if exemplar is None:
            yield bound, count
        else:
            yield bound, count, Exemplar({contract.TRACE_ID: exemplar.trace_id}, exemplar.value, exemplar.at)
