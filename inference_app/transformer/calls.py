"""The trace of a request goes on in the server that the model runs in, and shows the call in between."""

import time
from types import TracebackType
from typing import Self

from inference_app import trace
from inference_app.trace import ClientCall


class TracedCall:
    """A request to another server, made for the requests of one model call while the block runs.

    It continues the trace of the first that is sampled; the others reach it by their batch's span. Where none is, the
    other server hears that, so that it decides nothing of its own.
    """

    def __init__(self, method: str, url: str) -> None:
        self._method, self._url = method, url
        self._trace = trace.current.get()
        self._span_id = trace.span_id()
        self._started = time.perf_counter()
        self.status: int | None = None

    def headers(self) -> dict[str, str]:
        """W3C's trace context, to be sent along."""
        if self._trace is None:
            return {"traceparent": trace.traceparent(trace.trace_id(), self._span_id, is_sampled=False)}
        return self._trace.outgoing(self._span_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._trace is None:
            return
        failure, now = kind.__name__ if kind else "", time.perf_counter()
        call = ClientCall(self._span_id, self._method, self._url, self._started, now, self.status, failure)
        self._trace.calls += (call,)
