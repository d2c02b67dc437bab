"""Finished traces as spans of the OpenTelemetry SDK, exported by OTLP.

The SDK reads its own environment variables: OTEL_EXPORTER_OTLP_ENDPOINT and its kin, OTEL_SERVICE_NAME,
OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_*. https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from inference_app import __version__
from inference_app.tracing import FinishedTrace

DEFAULT_SERVICE_NAME = "inference-platform"


class GivenTraceIds(RandomIdGenerator):
    """Random span ids, and for a trace without a parent the id that the request's log lines already bear."""

    trace_id = 0

    def generate_trace_id(self) -> int:
        """The id set last."""
        return self.trace_id


class SpanExport:
    """Makes spans and exports them in batches; used by one thread only."""

    def __init__(self) -> None:
        self._ids = GivenTraceIds()
        self._propagator = TraceContextTextMapPropagator()
        # Closed by `close` in good time; the SDK's own handler would hold up the process's exit for up to 30 s.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=_resource(), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("inference_app", __version__)

    def add(self, trace: FinishedTrace) -> None:
        """Queue a trace's spans: the request's and below it one for each of its stages."""

        def ns(at: float) -> int:
            return trace.answered_ns - round((trace.answered_at - at) * 1e9)

        self._ids.trace_id = int(trace.trace_id, 16)
        outside = self._propagator.extract(trace.parent, Context())
        request = self._tracer.start_span(
            trace.name, outside, SpanKind.SERVER, trace.attributes, start_time=ns(trace.received_at)
        )
        inside = set_span_in_context(request, outside)
        for stage in trace.stages:
            span = self._tracer.start_span(stage.name, inside, attributes=stage.attributes, start_time=ns(stage.start))
            if not stage.end:
                _mark(span, trace.failure)
            span.end(ns(stage.end or trace.answered_at))
        _mark(request, trace.failure)
        request.end(trace.answered_ns)

    def close(self) -> None:
        """Export what is queued; takes as long as the SDK's own timeouts allow."""
        self._provider.shutdown()


def _mark(span: Span, failure: str | None) -> None:
    if failure is not None:
        span.set_status(StatusCode.ERROR, failure)


def _resource() -> Resource:
    defaults = {SERVICE_NAME: DEFAULT_SERVICE_NAME, SERVICE_VERSION: __version__}
    return Resource.create({**defaults, **OTELResourceDetector().detect().attributes})
