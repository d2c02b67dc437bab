"""Requests that are sampled, and the instants of one that came all the way."""

import time

import numpy as np

from inference_app.contract import TraceSampler
from inference_app.errors import InferenceError
from inference_app.jobs import Job
from inference_app.outputs import Rows
from inference_app.protocols.call import Headers
from inference_app.trace import Trace
from inference_app.tracing import Tracer

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
RECEIVED, PARSED, QUEUED, STARTED, FINISHED, ANSWERED = (time.perf_counter() + step / 1000 for step in range(6))


class Unheard(Job):
    """A job of nobody's."""

    rows = 2
    queued_at = QUEUED

    def __init__(self) -> None:
        self.inputs = {"x": np.zeros((2, 3), np.float32)}

    def deliver(self, rows: Rows) -> None: ...

    def fail(self, error: InferenceError) -> None: ...


def job(started_at: float = STARTED, finished_at: float = FINISHED) -> Job:
    made = Unheard()
    made.started_at, made.finished_at = started_at, finished_at
    return made


def headers(traceparent: str) -> Headers:
    return {b"traceparent": traceparent.encode()}


def parent(flags: str, trace_id: str = TRACE_ID) -> Headers:
    return headers(f"00-{trace_id}-{SPAN_ID}-{flags}")


def tracer(sampler: TraceSampler = TraceSampler.ALWAYS_ON, ratio: float = 1) -> Tracer:
    return Tracer(sampler, ratio)


def begun(tracing_by: Tracer, given: Headers | None = None) -> Trace:
    """A sampled request."""
    trace = tracing_by.begin(given or {}, RECEIVED)
    assert trace is not None
    return trace
