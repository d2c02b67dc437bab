"""Traces of sampled requests: W3C trace context in, OTLP out; other requests pay less than a microsecond.

Whether a request is sampled is decided here, before anything is made for it. The OpenTelemetry SDK, which takes longer
to import than the server takes to start, is loaded on a thread of its own once the first sampled request is answered.
"""

import logging
import re
import threading
import time
from collections.abc import Mapping
from queue import SimpleQueue
from random import getrandbits
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from inference_app.contract import TraceSampler
from inference_app.protocols.call import Headers

if TYPE_CHECKING:
    from inference_app.jobs import Job
    from inference_app.settings import Settings

logger = logging.getLogger(__name__)

TRACEPARENT = re.compile(b"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
"""Only versions after 00 may have more than four fields (https://www.w3.org/TR/trace-context/#traceparent-header)."""
LAST_DIGIT_OF_FLAGS = 54
SAMPLED = b"13579bdf"
"""Hexadecimal digits whose lowest bit, the sampled flag, is set."""

ID_RANGE = 2**64
MAX_WAITING = 2048
"""Finished traces between the event loop and the exporting thread; more are dropped."""

GRPC_FAILURES = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""Status codes that are a server's errors (https://opentelemetry.io/docs/specs/semconv/rpc/grpc/)."""

Attributes: TypeAlias = Mapping[str, str | int]


class Stage(NamedTuple):
    """A part of a request's work; `end` is 0 where it did not come to its end."""

    name: str
    start: float
    end: float
    attributes: Attributes


class FinishedTrace(NamedTuple):
    """A sampled request with its answer; it holds on to nothing that the request brought but its `parent` headers.

    Times are `time.perf_counter()` seconds; `answered_ns` is the last of them in Unix nanoseconds. `failure` says why
    the server failed and is None for whatever is not the server's fault.
    """

    trace_id: str
    parent: Mapping[str, str]
    name: str
    attributes: Attributes
    stages: tuple[Stage, ...]
    received_at: float
    answered_at: float
    answered_ns: int
    failure: str | None


Finished: TypeAlias = "SimpleQueue[FinishedTrace | None]"
"""None ends it."""


class Trace:
    """A sampled request on its way; whoever serves it notes here how far it came."""

    __slots__ = ("_finished", "_parent", "batch_size", "error", "job", "model", "parsed_at", "received_at", "trace_id")

    def __init__(
        self,
        finished: "SimpleQueue[FinishedTrace | None]",
        trace_id: str,
        parent: Mapping[str, str],
        received_at: float,
    ) -> None:
        self._finished = finished
        self._parent = parent
        self.trace_id = trace_id
        self.received_at = received_at
        self.parsed_at = 0.0
        self.model: tuple[str, str] | None = None
        """Name and version."""
        self.job: Job | None = None
        self.batch_size = 0
        self.error: Exception | None = None

    def finish_http(self, method: str, route: str, status: int, answered_at: float) -> None:
        """The request got its answer, in `time.perf_counter()` seconds; 499 when the client left before.

        https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
        """
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "url.scheme": "http",
        }
        self._finish(f"{method} {route}", attributes, answered_at, failed=status >= 500)

    def finish_grpc(self, method: str, code: str, answered_at: float) -> None:
        """The call to `method` (`package.Service/Method`) got its answer, in `time.perf_counter()` seconds.

        https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
        """
        attributes: dict[str, str | int] = {
            "rpc.system.name": "grpc",
            "rpc.method": method,
            "rpc.response.status_code": code,
        }
        self._finish(method, attributes, answered_at, failed=code in GRPC_FAILURES)

    def _finish(self, name: str, attributes: dict[str, str | int], answered_at: float, *, failed: bool) -> None:
        if self._finished.qsize() >= MAX_WAITING:
            logger.warning("a trace was dropped, since too many wait to be exported")
            return
        if self.model is not None:
            attributes["inference.model"], attributes["inference.model_version"] = self.model
        if self.error is not None:
            attributes["error.type"] = type(self.error).__name__
        trace = FinishedTrace(
            trace_id=self.trace_id,
            parent=self._parent,
            name=name,
            attributes=attributes,
            stages=tuple(self._stages(answered_at)),
            received_at=self.received_at,
            answered_at=answered_at,
            answered_ns=time.time_ns(),
            failure=str(self.error or "") if failed else None,
        )
        self._finished.put(trace)

    def _stages(self, answered_at: float) -> list[Stage]:
        stages = [Stage("preprocess", self.received_at, self.parsed_at, {})]
        job = self.job
        if job is not None:
            batch = {"inference.batch_size": self.batch_size, "inference.request_size": job.rows}
            stages += [
                Stage("queue", job.queued_at, job.started_at, {}),
                Stage("model_forward", job.started_at, job.finished_at, batch),
                Stage("postprocess", job.finished_at, answered_at, {}),
            ]
        return [stage for stage in stages if stage.start]


class Tracer:
    """Decides which requests are traced, by OpenTelemetry's rules, and hands finished traces to the exporting thread.

    https://opentelemetry.io/docs/specs/otel/trace/sdk/#sampling
    """

    def __init__(self, sampler: TraceSampler, ratio: float) -> None:
        """`ratio` is the share of requests that are sampled where the decision is not the caller's, 0 to 1."""
        self._follows_parent = sampler.startswith("parentbased")
        self._limit = round(_ratio(sampler, ratio) * ID_RANGE)
        self._finished: Finished = SimpleQueue()
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
        return Trace(self._finished, f"{getrandbits(64):016x}{low:016x}", {}, received_at)

    def close(self, timeout: float) -> None:
        """Export what is finished, for at most `timeout` seconds."""
        self._finished.put(None)
        self._thread.join(timeout)

    def _is_sampled(self, parent: re.Match[bytes]) -> bool:
        if self._follows_parent:
            return parent.string[LAST_DIGIT_OF_FLAGS] in SAMPLED
        return int(parent[1][16:], 16) < self._limit

    def _continue(self, parent: re.Match[bytes], headers: Headers, received_at: float) -> Trace:
        names = (b"traceparent", b"tracestate")
        carrier = {name.decode(): headers[name].decode("latin-1") for name in names if name in headers}
        return Trace(self._finished, parent[1].decode(), carrier, received_at)

    def _export(self) -> None:
        finished = self._finished.get()
        if finished is None:
            return
        try:
            from inference_app.spans import SpanExport

            export = SpanExport()
            while finished is not None:
                export.add(finished)
                finished = self._finished.get()
            export.close()
        except Exception:
            logger.exception("traces are no longer exported")


def start(settings: "Settings") -> Tracer | None:
    """A tracer where the settings name an endpoint for traces."""
    if not (settings.otel_exporter_otlp_endpoint or settings.otel_exporter_otlp_traces_endpoint):
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
