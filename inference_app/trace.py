"""What is noted of a sampled request while it is served; `spans` makes spans of it once it is answered."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from random import getrandbits
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from inference_app.contract import LookupResult
from inference_app.errors import InferenceError

if TYPE_CHECKING:
    from inference_app.jobs import Job

logger = logging.getLogger(__name__)

MAX_WAITING = 2048
"""Records between the event loop and the exporting thread; more are dropped."""

ENOUGH = 512
"""Records for which the exporting thread wakes before its time; an export costs a millisecond besides its spans."""

MAX_SKEW_NS = 1_000_000
"""How far the spans' clock may be from the machine's before it is set anew; spans of one clock fit together exactly."""

GRPC_FAILURES = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""Status codes that are a server's errors (https://opentelemetry.io/docs/specs/semconv/rpc/grpc/)."""

current: ContextVar["Trace | None"] = ContextVar("trace", default=None)
"""The sampled request that is worked for; in a model call for several of them, the first."""


class Context(NamedTuple):
    """A span's place among all; both ids in hexadecimal."""

    trace_id: str
    span_id: str


class Parent(NamedTuple):
    """The caller's span and its `tracestate`."""

    span_id: str
    state: str


class HttpAnswer(NamedTuple):
    """What a request over HTTP was, and its answer; 499 when the client left before."""

    method: str
    route: str
    status: int


class GrpcAnswer(NamedTuple):
    """What a call was (`package.Service/Method`), and its status code."""

    method: str
    code: str


class ModelCall(NamedTuple):
    """One call of a model; sizes are requests and examples, times `time.perf_counter()` seconds."""

    requests: int
    examples: int
    provider: str
    started: float
    finished: float


class CacheLookup(NamedTuple):
    """A look into the result cache; times are `time.perf_counter()` seconds."""

    started: float
    finished: float
    result: LookupResult


class ClientCall(NamedTuple):
    """One request to another server; `status` is None where no answer came."""

    span_id: str
    method: str
    url: str
    started: float
    finished: float
    status: int | None
    error: str


class FinishedBatch(NamedTuple):
    """A model call for several requests, and those of them that are sampled."""

    context: Context
    requests: "tuple[Trace, ...]"
    model: tuple[str, str] | None
    call: ModelCall
    failure: str | None


Record: TypeAlias = "Trace | FinishedBatch"


class Records:
    """What waits for the exporting thread; nobody wakes it for every record, which would cost the event loop a turn.

    Records are encoded as they come: a thread that did so for many at once would hold up the event loop for as long, at
    a time when many wait for it.
    """

    def __init__(self, encode: Callable[[Record, int], bytes]) -> None:
        """`encode` is told the Unix time in nanoseconds at which `time.perf_counter()` was 0."""
        self._encode = encode
        self._epoch = _epoch()
        self.first = threading.Event()
        self.enough = threading.Event()
        self.dropped = 0
        self._waiting: deque[bytes] = deque()

    def add(self, record: Record) -> None:
        """Keep a record until it is taken, unless too many wait."""
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        try:
            self._waiting.append(self._encode(record, self._epoch))
        except Exception:  # the request is answered all the same
            logger.exception("a trace is lost")
        if not self.first.is_set():
            self.first.set()
        if len(self._waiting) == ENOUGH:
            self.enough.set()

    def take(self) -> list[bytes]:
        """The spans that wait, those of a record together."""
        now = _epoch()
        if abs(now - self._epoch) > MAX_SKEW_NS:
            self._epoch = now
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def end(self) -> None:
        """Wake the exporting thread for the last time."""
        self.first.set()
        self.enough.set()


class Trace:
    """A sampled request; whoever serves it notes here how far it came.

    Once finished it holds on to nothing that the request brought but `parent`. Times are `time.perf_counter()`
    seconds, 0 for what it did not come to.
    """

    __slots__ = (
        "_records",
        "answer",
        "answered_at",
        "batches",
        "call",
        "calls",
        "error",
        "error_type",
        "failure",
        "finished_at",
        "job",
        "lookup",
        "model",
        "parent",
        "parsed_at",
        "preparing_at",
        "queued_at",
        "received_at",
        "rows",
        "span_id",
        "started_at",
        "trace_id",
    )

    def __init__(self, records: Records, trace_id: str, parent: Parent | None, received_at: float) -> None:
        self._records = records
        self.parent = parent
        self.trace_id = trace_id
        self.span_id = span_id()
        self.model: tuple[str, str] | None = None
        """Name and version."""
        self.job: Job | None = None
        self.error: InferenceError | None = None
        self.lookup: CacheLookup | None = None
        self.call: ModelCall | None = None
        self.batches: tuple[Context, ...] = ()
        self.calls: tuple[ClientCall, ...] = ()
        self.answer: HttpAnswer | GrpcAnswer | None = None
        self.error_type = ""
        self.failure: str | None = None
        """Why the server failed; None for whatever is not its fault."""
        self.rows = 0
        self.received_at = self.preparing_at = received_at
        self.parsed_at = self.queued_at = self.started_at = self.finished_at = self.answered_at = 0.0

    @property
    def response(self) -> str:
        """The answer's `traceresponse` (https://w3c.github.io/trace-context/#traceresponse-header)."""
        return traceparent(self.trace_id, self.span_id, is_sampled=True)

    def outgoing(self, span: str) -> dict[str, str]:
        """The headers of a request to another server that is made for this one, below the span of that id."""
        state = {"tracestate": self.parent.state} if self.parent is not None and self.parent.state else {}
        return {"traceparent": traceparent(self.trace_id, span, is_sampled=True), **state}

    def finish_http(self, method: str, route: str, status: int, answered_at: float) -> None:
        """The request got its answer, in `time.perf_counter()` seconds; 499 when the client left before."""
        self._finish(HttpAnswer(method, route, status), answered_at, failed=status >= 500)

    def finish_grpc(self, method: str, code: str, answered_at: float) -> None:
        """The call to `method` (`package.Service/Method`) got its answer, in `time.perf_counter()` seconds."""
        self._finish(GrpcAnswer(method, code), answered_at, failed=code in GRPC_FAILURES)

    def note_batch(self, traces: "Sequence[Trace]", call: ModelCall, failure: str | None) -> None:
        """A model call for several requests, of which `traces`, this one among them, are sampled."""
        context = Context(trace_id(), span_id())
        for trace in traces:
            trace.batches += (context,)
        self._records.add(FinishedBatch(context, tuple(traces), self.model, call, failure))

    def _finish(self, answer: HttpAnswer | GrpcAnswer, answered_at: float, *, failed: bool) -> None:
        self.answer, self.answered_at = answer, answered_at
        error, job = self.error, self.job
        if failed:
            self.failure = "" if error is None else error.outline
        if error is not None:
            self.error_type = type(error).__name__
            self.error = None  # its traceback holds the inputs too
        if job is not None:
            self.rows = job.rows
            self.queued_at, self.started_at, self.finished_at = job.queued_at, job.started_at, job.finished_at
            self.job = None  # it holds the inputs, and refers to this
        self._records.add(self)


def note_call(traces: Sequence[Trace], call: ModelCall, error: Exception | None) -> None:
    """Note one model call, which failed where there is an error, in the traces of its sampled requests."""
    for trace in traces:
        trace.call = call
    if call.requests > 1:
        traces[0].note_batch(traces, call, None if error is None else type(error).__name__)


def trace_id() -> str:
    """A new one."""
    return f"{getrandbits(128) or 1:032x}"


def span_id() -> str:
    """A new one."""
    return f"{getrandbits(64) or 1:016x}"


def _epoch() -> int:
    return time.time_ns() - time.perf_counter_ns()


def traceparent(trace: str, span: str, *, is_sampled: bool) -> str:
    """A header of W3C's trace context (https://www.w3.org/TR/trace-context/#traceparent-header)."""
    return f"00-{trace}-{span}-{is_sampled:02x}"
