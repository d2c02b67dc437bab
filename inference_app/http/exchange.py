"""One request on the lane and its answer, without a task or a future of its own."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import orjson

from inference_app import api_keys, failures, logs
from inference_app.errors import BadRequest, BuffersFull, ClientDisconnected, InferenceError, UnsupportedMediaType
from inference_app.http import heads
from inference_app.protocols.call import Answer, Headers

if TYPE_CHECKING:
    from inference_app.http.connection import Connection
    from inference_app.metrics import RouteMetrics
    from inference_app.served_model import Serving
    from inference_app.trace import Trace

logger = logging.getLogger(__name__)

OK = int(HTTPStatus.OK)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
INTERNAL = int(HTTPStatus.INTERNAL_SERVER_ERROR)
INTERNAL_ERROR = InferenceError("internal error")

TRACE_RESPONSE = b"traceresponse"
"""Tells the client of a sampled request which trace it is in (https://w3c.github.io/trace-context/#traceresponse-header)."""


class Named(Protocol):
    """A path's label in metrics and logs, and its counts."""

    @property
    def label(self) -> str: ...

    @property
    def route(self) -> RouteMetrics: ...


class Exchange:
    """A request and its answer; stands where uvicorn keeps its request cycle, and shares the names that uvicorn reads.

    What most requests leave as it is are class attributes: setting fewer makes a request cheaper.
    """

    keep_alive = True
    held = 0
    """Bytes of its body that count as buffered."""
    sends_body = True
    response_complete = False
    disconnected = False
    received_at = 0.0
    trace: Trace | None = None
    serving: Serving | None = None
    counts: RouteMetrics | None = None
    """Those of the model version that it reached."""
    _is_its_turn = False
    _body: bytes | None = None
    _error: InferenceError | None = None

    def __init__(self, connection: Connection, endpoint: Named, headers: Headers) -> None:
        self.connection = connection
        self.endpoint = endpoint
        self.headers = headers
        connection.lane.metrics.in_flight += 1

    def start(self) -> None:
        """It is this request's turn: those before it on the connection are answered."""
        self._is_its_turn = True
        if self._error is not None:
            self.fail(self._error)
        elif self._body is not None:
            self.process(self._body)
        else:
            self._expect_body()

    def complete(self, body: bytes) -> None:
        """The whole body is here."""
        if self.response_complete:
            return
        if self._is_its_turn:
            self.process(body)
        else:
            self._body = body

    def abandon(self, error: InferenceError) -> None:
        """Its body will not come whole: answer with an error, now or when it is its turn, and close."""
        self.keep_alive = False
        self._error = error
        if self._is_its_turn:
            self.fail(error)

    def disconnect(self) -> None:
        """The client left."""
        self.disconnected = True
        if not self.response_complete:
            self.finish(ClientDisconnected.status)

    @property
    def model(self) -> tuple[str, str] | None:
        """Name and version of the model that is asked."""
        return None

    @abstractmethod
    def answer(self, body: bytes) -> None:
        """Respond to the whole body, now or later; may raise `InferenceError`."""

    def fail(self, error: InferenceError) -> None:
        """Respond with an error."""
        if self.response_complete:
            return
        status = int(error.status)
        if self.trace is not None:
            self.trace.error = error
        if status >= INTERNAL:
            now = time.perf_counter()
            failures.report(error, self.endpoint.label, now - (self.received_at or now), self.model, self.trace)
        self.respond(error_answer(error), status)

    def respond(self, answer: Answer, status: int = OK) -> None:
        """Write the answer, unless the client left, and make way for the connection's next request."""
        if self.response_complete:
            return
        self.finish(status)
        if self.trace is not None:
            body, content_type, headers = answer
            answer = Answer(body, content_type, (*headers, (TRACE_RESPONSE, self.trace.response.encode())))
        connection = self.connection
        connection.write_response(answer, status, keep_alive=self.keep_alive, sends_body=self.sends_body)
        flow = connection.flow
        if connection.pipeline or flow.write_paused or flow.read_paused or connection.half_closed:
            connection.go_on()

    def break_on(self, error: BaseException) -> None:
        """Respond to an error that is the server's own."""
        logger.error("a request failed", extra={"route": self.endpoint.label, "exception": logs.outline(error)})
        self.fail(INTERNAL_ERROR)

    def finish(self, status: int) -> None:
        """Count the request, which needs no more work; the status is what its client saw."""
        self.response_complete = True
        connection = self.connection
        connection.answered_at = now = time.perf_counter()
        connection.lane.metrics.in_flight -= 1
        if self.held:
            connection.lane.buffered -= self.held
        if self.serving is not None:
            self.serving.leave()
            self.serving = None  # a quiet connection keeps its last request, which must not keep a model
        seconds = now - (self.received_at or now)
        counts = self.counts or self.endpoint.route
        if self.trace is None:
            counts.observe(status, seconds)
        else:
            counts.observe(status, seconds, self.trace.trace_id)
            self.trace.finish_http("POST", self.endpoint.label, status, now)

    def hold(self, size: int) -> None:
        """So many bytes of the body are here; where those of all bodies are too many, this one is refused."""
        if self.response_complete:
            return
        lane = self.connection.lane
        lane.buffered += size - self.held
        self.held = size
        if lane.buffered > lane.max_buffered:
            self.connection.refuse(BuffersFull(f"{lane.buffered} bytes of unanswered requests are held; try later"))

    def _expect_body(self) -> None:
        headers, connection = self.headers, self.connection
        if int(headers.get(b"content-length", b"0")) > connection.max_body_bytes:
            connection.refuse(connection.too_large())
        elif headers.get(b"expect", b"").lower() == b"100-continue" and connection.parser.get_http_version() == "1.1":
            connection.transport.write(CONTINUE)

    def process(self, body: bytes) -> None:
        """Answer the whole request, whose turn it is."""
        self.received_at = time.perf_counter()
        try:
            if b"content-encoding" in self.headers:
                check_encoding(self.headers[b"content-encoding"])
            self.answer(body)
        except InferenceError as error:
            self.fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            self.break_on(error)


class Refusal(Exchange):
    """Stands in for a request that cannot be read to its end."""

    keep_alive = False

    def __init__(self, connection: Connection, error: InferenceError) -> None:
        super().__init__(connection, connection.lane.unread, {})
        self._error = error


class Unauthenticated(Exchange):
    """Stands in for a request without a key: answered when its headers are here and its turn has come."""

    def start(self) -> None:
        """Respond at once, and close unless the rest of the request is short enough to be read for nothing."""
        self.keep_alive = self.keep_alive and heads.announces_little(self.headers)
        self.fail(api_keys.unauthorized())


def check_encoding(encoding: bytes) -> None:
    """Raise `UnsupportedMediaType` for a body that is not sent as it is."""
    if encoding.lower() != b"identity":
        name = encoding.decode("latin-1")
        raise UnsupportedMediaType(f"Content-Encoding {name} is not supported; send the body as it is")


def error_answer(error: InferenceError) -> Answer:
    """An error as every protocol here spells it: a JSON object whose `error` says what happened."""
    headers = tuple((name.lower().encode(), value.encode()) for name, value in error.headers.items())
    return Answer(orjson.dumps({"error": str(error), **error.details()}), headers=headers)


def deadline(headers: Headers, received_at: float) -> float:
    """When the client wants its answer, from its `timeout` header, in `time.perf_counter()` seconds.

    Raises `BadRequest` unless the header is a positive number of seconds.
    """
    text = headers[b"timeout"]
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise BadRequest(f"the timeout header must be a positive number of seconds, got {text.decode('latin-1')}")
    return received_at + seconds
