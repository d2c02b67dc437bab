"""Traces of sampled requests: W3C trace context in, OTLP out; other requests pay less than a microsecond.

Whether a request is sampled is decided here, before anything is made for it. The OpenTelemetry SDK, which takes longer
to import than the server takes to start, is loaded on a thread of its own once the first sampled request is answered.
Of what a caller may send beside `traceparent` and `tracestate`, `baggage` is ignored.
"""

import gc
import logging
import re
import threading
from random import getrandbits
from typing import TYPE_CHECKING

from inference_app.contract import TraceSampler
from inference_app.protocols.call import Headers
from inference_app.spans import encode
from inference_app.trace import Parent, Records, Trace

if TYPE_CHECKING:
    from inference_app.settings import Settings
    from inference_app.span_export import SpanExport

logger = logging.getLogger(__name__)

TRACEPARENT = re.compile(
    b"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?"
)
"""Only versions after 00 may have more than four fields (https://www.w3.org/TR/trace-context/#traceparent-header)."""
LAST_DIGIT_OF_FLAGS = 54
SAMPLED = b"13579bdf"
"""Hexadecimal digits whose lowest bit, the sampled flag, is set."""

ID_RANGE = 2**64


class Tracer:
    """Decides which requests are traced, by OpenTelemetry's rules, and hands finished traces to the exporting thread.

    https://opentelemetry.io/docs/specs/otel/trace/sdk/#sampling
    """

    def __init__(self, sampler: TraceSampler, ratio: float) -> None:
        """`ratio` is the share of requests that are sampled where the decision is not the caller's, 0 to 1."""
        self._follows_parent = sampler.startswith("parentbased")
        self._limit = round(_ratio(sampler, ratio) * ID_RANGE)
        self._records = Records(encode)
        self._is_closing = False
        self._thread = threading.Thread(target=self._export, name="traces", daemon=True)
        self._thread.start()

    def begin(self, headers: Headers, received_at: float) -> Trace | None:
        """The trace of a request that came at `received_at` (`time.perf_counter()` seconds); None: not sampled."""
        parent = headers.get(b"traceparent")
        if parent is not None:
            match = TRACEPARENT.fullmatch(parent)
            if match is not None:
                return self._continue(match, headers, received_at) if self._is_sampled(match) else None
        low = getrandbits(64)
        if low >= self._limit:
            return None
        return Trace(self._records, f"{getrandbits(64):016x}{low:016x}", None, received_at)

    def close(self, timeout: float) -> None:
        """Export what is finished, for at most `timeout` seconds."""
        self._is_closing = True
        self._records.end()
        self._thread.join(timeout)

    def _is_sampled(self, parent: re.Match[bytes]) -> bool:
        if self._follows_parent:
            return parent.string[LAST_DIGIT_OF_FLAGS] in SAMPLED
        return int(parent[1][16:], 16) < self._limit

    def _continue(self, parent: re.Match[bytes], headers: Headers, received_at: float) -> Trace:
        state = headers.get(b"tracestate", b"").decode("latin-1")
        return Trace(self._records, parent[1].decode(), Parent(parent[2].decode(), state), received_at)

    def _export(self) -> None:
        self._records.first.wait()
        first = self._records.take()
        if not first:
            return
        try:
            from inference_app.span_export import SpanExport

            export = SpanExport()
            # As after a model's start: a full collection would look at all of the SDK each time.
            gc.freeze()
            self._export_by(export, first)
        except Exception:
            logger.exception("traces are no longer exported")

    def _export_by(self, export: "SpanExport", waiting: list[bytes]) -> None:
        records, is_last = self._records, False
        while not is_last:
            records.enough.wait(export.every_seconds)
            records.enough.clear()
            is_last = self._is_closing
            export.send(waiting + records.take())
            waiting = []
            if records.dropped:
                logger.warning("traces were dropped, since too many waited to be exported")
                records.dropped = 0


def is_wanted(settings: "Settings") -> bool:
    """Whether the settings name an endpoint for traces."""
    return bool(settings.otel_exporter_otlp_endpoint or settings.otel_exporter_otlp_traces_endpoint)


def start(settings: "Settings") -> Tracer | None:
    """A tracer where the settings name an endpoint for traces."""
    if not is_wanted(settings):
        return None
    return Tracer(settings.otel_traces_sampler, settings.otel_traces_sampler_arg)


def _ratio(sampler: TraceSampler, ratio: float) -> float:
    match sampler:
        case TraceSampler.ALWAYS_ON | TraceSampler.PARENTBASED_ALWAYS_ON:
            return 1
        case TraceSampler.ALWAYS_OFF | TraceSampler.PARENTBASED_ALWAYS_OFF:
            return 0
        case TraceSampler.TRACEIDRATIO | TraceSampler.PARENTBASED_TRACEIDRATIO:
            return ratio
