"""Inference requests on the lane: parsed, queued for their model, answered when it has run."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from inference_app.errors import InferenceError
from inference_app.http.exchange import Exchange, deadline
from inference_app.jobs import Job
from inference_app.outputs import Rows
from inference_app.protocols.call import Call

if TYPE_CHECKING:
    from inference_app.http.lane import Endpoint
    from inference_app.served_model import Serving


class InferenceExchange(Exchange, Job):
    """One inference; waits in its model's queue itself."""

    endpoint: Endpoint
    _call: Call | None = None

    @property
    def model(self) -> tuple[str, str]:
        """Name and version, of the one that answers where one does."""
        metadata = (self.serving or self.endpoint.slot).model.metadata
        return metadata.name, metadata.version

    def answer(self, body: bytes) -> None:
        """Parse here when that takes microseconds, else on a thread; then queue."""
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
            self._submit(serving, codec.parse(body, headers))
        else:
            # An image is work for milliseconds, in vain where the queue has no place for it in the end.
            serving.batcher.check_room(serving.parsing, self.received_at, self._latest())
            parse = partial(codec.parse, body, headers)
            lane.run_beside(parse, partial(self._parsed, serving), partial(self._not_parsed, serving))
            serving.parsing += 1

    def deliver(self, rows: Rows) -> None:
        """Answer with the model's outputs."""
        if self._call is None or self.response_complete:
            return
        self.respond(self._call.render(rows))

    def disconnect(self) -> None:
        """What has not reached the model never does."""
        if self.serving is not None and self._call is not None:
            self.serving.batcher.drop(self)
        super().disconnect()

    def _parsed(self, serving: Serving, call: Call) -> None:
        serving.parsing -= 1
        if self.response_complete:
            return
        try:
            self._submit(serving, call)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            self._stumble(error)

    def _not_parsed(self, serving: Serving, error: BaseException) -> None:
        serving.parsing -= 1
        self._stumble(error)

    def _stumble(self, error: BaseException) -> None:
        if isinstance(error, InferenceError):
            self.fail(error)
            return
        self.break_on(error)

    def _submit(self, serving: Serving, call: Call) -> None:
        self._call = call
        self.inputs = call.inputs
        now = time.perf_counter()
        if self.trace is not None:
            self.trace.parsed_at, self.trace.job = now, self
        serving.batcher.submit(self, now, self._latest())

    def _latest(self) -> float | None:
        return deadline(self.headers, self.received_at) if b"timeout" in self.headers else None
