"""Inference requests on the lane: parsed, queued for their model, answered when it has run."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from inference_app.errors import InferenceError
from inference_app.http.exchange import Exchange, deadline
from inference_app.jobs import Job
from inference_app.outputs import Rows
from inference_app.preparing import Preparation
from inference_app.protocols.call import Call

if TYPE_CHECKING:
    from inference_app.http.lane import Endpoint


class InferenceExchange(Exchange, Job):
    """One inference; waits in its model's queue itself, unparsed where parsing takes long."""

    endpoint: Endpoint
    _call: Call | None = None
    _parse: Callable[[], Call] | None = None
    """Of one that waits for its turn; it holds the body."""

    @property
    def model(self) -> tuple[str, str]:
        """Name and version, of the one that answers where one does."""
        metadata = (self.serving or self.endpoint.slot).model.metadata
        return metadata.name, metadata.version

    def answer(self, body: bytes) -> None:
        """Parse here when that takes microseconds, else on a thread in its turn; then queue."""
        headers, endpoint, lane = self.headers, self.endpoint, self.connection.lane
        if lane.tracer is not None:
            self.trace = lane.tracer.begin(headers, self.received_at)
        if self.trace is not None:
            self.trace.model = self.model
        model = endpoint.slot.model
        self.counts = model.metrics.routes[endpoint.label]
        self.serving = serving = model.enter()
        codec = serving.codecs[endpoint.api]
        if codec.is_quick(len(body), headers):
            self._take(codec.parse(body, headers))
            serving.batcher.submit(self, time.perf_counter(), self._latest())
            return
        self.is_prepared = False
        self._parse = partial(codec.parse, body, headers)
        if self.trace is not None:
            self.trace.preparing_at, self.trace.job = 0.0, self
        serving.batcher.submit(self, self.received_at, self._latest())

    def prepare(self) -> Preparation[Call] | None:
        """It is the turn of this one to be parsed."""
        parse, self._parse = self._parse, None
        return None if parse is None else Preparation(partial(self._run, parse), self._parsed, self._not_parsed)

    def deliver(self, rows: Rows) -> None:
        """Answer with the model's outputs."""
        if self._call is None or self.response_complete:
            return
        self.respond(self._call.render(rows))

    def fail(self, error: InferenceError) -> None:
        """Respond with an error."""
        self._parse = None
        super().fail(error)

    def disconnect(self) -> None:
        """What has not reached the model never does."""
        if self.serving is not None:
            self.serving.batcher.drop(self)
        super().disconnect()

    def _run(self, parse: Callable[[], Call]) -> Call:
        if self.trace is not None:
            self.trace.preparing_at = time.perf_counter()
        return parse()

    def _parsed(self, call: Call) -> None:
        if self.serving is None:
            return  # it has its answer: its client left, or its deadline passed
        self._take(call)
        try:
            self.serving.batcher.prepared(self)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            self._not_parsed(error)

    def _not_parsed(self, error: BaseException) -> None:
        if self.serving is not None:
            self.serving.batcher.drop(self)
        if isinstance(error, InferenceError):
            self.fail(error)
        else:
            self.break_on(error)

    def _take(self, call: Call) -> None:
        self._call = call
        self.inputs = call.inputs
        if self.trace is not None:
            self.trace.parsed_at, self.trace.job = time.perf_counter(), self

    def _latest(self) -> float | None:
        return deadline(self.headers, self.received_at) if b"timeout" in self.headers else None
