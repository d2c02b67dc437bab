"""The writing half of a connection: requests get their answers one after another, in the order in which they came."""

import math
import time
from collections.abc import Iterable
from enum import Enum
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inference_app.http.exchange import Exchange
from inference_app.http.lane import Lane
from inference_app.protocols.call import Answer

KEEP_ALIVE_SECONDS = 75
"""Longer than a load balancer keeps idle connections (60 s on AWS), so that it never reuses one closed here."""

COPIED_BYTES = 16 * 1024
"""A body up to this size is copied behind its header into one write; a larger one is written by itself."""


class Phase(Enum):
    """What is being received."""

    NOTHING = 0
    HEADERS = 1
    BODY = 2


class Turns(HttpToolsProtocol):
    """Gives each request its turn; a client that does not read its answers gets no further."""

    lane: Lane
    read_timeout_seconds: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.phase = Phase.NOTHING
        self._deadline = 0.0
        self.answered_at = -math.inf
        self._is_deaf = False
        """Nothing more is read: what comes is thrown away."""
        self.half_closed = False
        """The client sends no more, and may still read."""
        self._is_going_on = False
        self._answering: Any = None
        super().__init__(*args, **kwargs)

    @property
    def is_busy(self) -> bool:
        """Whether a request whose turn has come has no answer yet."""
        return self._answering is not None and not self._answering.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        """What the client no longer waits for is dropped."""
        self._drop_waiting()
        answering, self._answering = self._answering, None
        if isinstance(answering, Exchange):
            answering.disconnect()
            answering = None
        self.cycle: Any = answering  # uvicorn tells its own
        super().connection_lost(exc)

    def take_turn(self, cycle: Exchange) -> None:
        """Start a request, or let it wait until those before it are answered."""
        self.cycle = cycle
        if self.is_busy or self.flow.write_paused:
            self.flow.pause_reading()
            waiting: Any = (cycle, None)
            self.pipeline.appendleft(waiting)
        else:
            self._start_asgi_task(cycle, None)

    def on_response_complete(self) -> None:
        """The application has answered."""
        self.answered_at = time.perf_counter()
        self.go_on()

    def go_on(self) -> None:
        """Start what waits, in a loop: thousands may wait whose answers come at once. Read on when nothing waits."""
        flow = self.flow
        if self._is_going_on:
            return
        if self.transport.is_closing():
            self._drop_waiting()
            return
        self._is_going_on = True
        try:
            while self.pipeline and not self.is_busy and not flow.write_paused:
                self._start_asgi_task(*self.pipeline.pop())
        finally:
            self._is_going_on = False
        if self.pipeline or flow.write_paused:
            flow.pause_reading()
        elif not self.half_closed:
            flow.resume_reading()
        elif not self.is_busy:
            self.transport.close()

    def resume_writing(self) -> None:
        """The client has read its answers."""
        super().resume_writing()
        self.go_on()

    def write_response(self, answer: Answer, status: int, *, keep_alive: bool, sends_body: bool = True) -> None:
        """Write a whole answer, and close behind it unless the connection is kept."""
        body, content_type, extra = answer
        head = self.lane.heads.get((status, content_type)) or self.lane.head(status, content_type)
        if not keep_alive or not sends_body or len(body) > COPIED_BYTES:
            self._write_unusual_response(head, answer, keep_alive=keep_alive, sends_body=sends_body)
        elif extra:
            self.transport.write(b"%b%d%b\r\n\r\n%b" % (head, len(body), _lines(extra), body))
        else:
            self.transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answering = cycle
        if isinstance(cycle, Exchange):
            cycle.start()
        else:
            super()._start_asgi_task(cycle, app)

    def _stand_in(self, cycle: Any, refusal: Exchange) -> None:
        """Answer instead of the application, unless it has begun to."""
        if cycle is not self._answering:
            stands: Any = (refusal, None)
            self.cycle, self.pipeline[0] = refusal, stands
        elif cycle.response_started:
            self.transport.close()
        else:
            cycle.disconnected = True
            cycle.message_event.set()
            self._answering = None
            self.take_turn(refusal)

    def _drop_waiting(self) -> None:
        for cycle, _ in self.pipeline:
            if isinstance(cycle, Exchange):
                cycle.disconnect()
        self.pipeline.clear()

    def _write_unusual_response(self, head: bytes, answer: Answer, *, keep_alive: bool, sends_body: bool) -> None:
        extra = _lines(answer.headers)
        if not keep_alive and not self.lane.draining:  # which says so itself
            extra += b"\r\nconnection: close"
        self.transport.write(b"%b%d%b\r\n\r\n" % (head, len(answer.body), extra))
        if sends_body:
            self.transport.write(answer.body)
        if not keep_alive:
            self._close_after_answer()

    def _close_after_answer(self) -> None:
        """Close; where the client may still be sending, read on for a while, since a reset could cost it the answer.

        https://www.rfc-editor.org/rfc/rfc9112#section-9.6
        """
        may_send = self._is_deaf or self.phase is not Phase.NOTHING or self.flow.read_paused or bool(self.pipeline)
        self._is_deaf = True
        self._drop_waiting()
        if self.half_closed or not may_send:
            self.transport.close()
            return
        self._deadline = time.perf_counter() + self.read_timeout_seconds
        self.flow.resume_reading()
        self.transport.write_eof()


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"\r\n%b: %b" % header for header in headers])
