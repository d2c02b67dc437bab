"""The metrics of `contract.METRICS`, one registry per server."""

from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from inference_app import contract

disable_created_metrics()  # a creation time per series doubles what is scraped, and nothing reads it

T = TypeVar("T", Counter, Gauge)


class Metrics:
    """Typed handles on the exported metrics; those that concern the model are bound to its name."""

    def __init__(self, model: str) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._make(Counter, contract.REQUESTS)
        self.request_duration = self._histogram(contract.REQUEST_DURATION)
        self.in_flight = self._make(Gauge, contract.IN_FLIGHT)
        self.ready = self._make(Gauge, contract.READY)
        self.model_info = self._make(Gauge, contract.MODEL_INFO)
        self.rejected = self._make(Counter, contract.REJECTED).labels(model)
        self.queue_size = self._make(Gauge, contract.QUEUE_SIZE).labels(model)
        self.queue_duration = self._histogram(contract.QUEUE_DURATION).labels(model)
        self.batch_size = self._histogram(contract.BATCH_SIZE).labels(model)
        self.model_duration = self._histogram(contract.MODEL_DURATION).labels(model)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics as text and its content type, in the format that the `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _make(self, kind: type[T], metric: contract.Metric) -> T:
        return kind(metric.name, metric.help, metric.labels, registry=self.registry)

    def _histogram(self, metric: contract.Metric) -> Histogram:
        return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=self.registry)
