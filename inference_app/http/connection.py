"""HTTP connections: inference and probes are answered here, the rest by the application behind uvicorn.

A route of a web framework costs several times what parsing, batching and a small model do, so requests on the lane
never see one. This rests on uvicorn's internals, hence its exact pin.
"""

import logging
import socket
import time
from typing import Any

import httptools

from inference_app.errors import BadRequest, InferenceError, ReadTimeout
from inference_app.http import heads
from inference_app.http.exchange import CONTINUE, INTERNAL_ERROR, Exchange, Refusal
from inference_app.http.inference import InferenceExchange
from inference_app.http.messages import BODY, NOTHING, Messages
from inference_app.http.turns import KEEP_ALIVE_SECONDS, Phase
from inference_app.logs import Fields, outline

logger = logging.getLogger(__name__)

BYTES_AROUND_A_BYTE = 16
"""What a chunk's head may add to one byte of body; only an attack needs more, with `heads.MAX_BYTES` on top."""

NEW_HEADS = 32
"""After so many in a row none of a connection's is learned any more: its client, or a proxy, numbers its requests."""

DISCARDED_BYTES = 64 * 1024 * 1024
"""How much of a refused request is still taken, so that its client gets to reading why."""


class Connection(Messages):
    """uvicorn's connection with a lane of its own and limits on time, headers and bodies; uvicorn sets none.

    A request that arrives in one piece, as nearly all do, is looked at once, when it is complete.
    """

    # The parser calls it only where it exists; a request's end makes ready for the next.
    on_message_begin = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._is_open = False
        self._clocked: Phase = NOTHING
        self._received = self._fed = self._discarded = 0
        self._host = b" "
        self._is_between = False
        """The parser has read whole requests and nothing of the next, which needs no parser where its head is known."""
        self._usual: InferenceExchange | None = None
        """The usual request that is being read."""
        self._new_heads = 0
        super().__init__(*args, **kwargs)

    def connection_made(self, transport: Any) -> None:
        """Expect a request's first byte from now on."""
        super().connection_made(transport)
        self._deadline = time.perf_counter() + self.read_timeout_seconds

    def data_received(self, data: bytes) -> None:
        """Parse, and wait for the rest of a request that is not complete."""
        if self._is_between and self._answer_known(data):
            return
        self._is_between = False
        if self._is_deaf:
            self._discard(len(data))
            return
        self._fed = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            extra: Fields = {"exception": outline(error)}
            logger.error("a request could not be handled", extra=extra)
            self.refuse(INTERNAL_ERROR)
        except httptools.HttpParserError as error:
            self.refuse(BadRequest(f"invalid HTTP: {error}"))
        if self.phase is not NOTHING and not self._is_deaf:
            self._await_rest()
        elif self._usual is not None:
            self._is_between = self.lane.known.learn(data, self._usual)
            self._new_heads += 1
            self._usual = None

    def eof_received(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride] - uvicorn closes always
        """The client sends no more: answer what is complete, for it may still read; close where nothing is."""
        if not (self.is_busy or self.pipeline) or (self._is_open and self.cycle is self._answering):
            return False
        if self.phase is not NOTHING and not self._is_deaf:
            self.refuse(BadRequest("the request ended before it was complete"))
        self.half_closed = True
        if isinstance(self._answering, Exchange) and self.parser.get_http_version() == "1.1":
            # Nobody asked for it, which a client must bear (RFC 9110, section 15.2); one that has left resets.
            self.transport.write(CONTINUE)
        return True

    def on_headers_complete(self) -> None:
        """All headers are here."""
        self.phase = BODY

    def on_message_complete(self) -> None:
        """The request is complete: hand it over, and make ready for the next."""
        if self._is_deaf or self.parser.should_upgrade():
            return
        exchange = None
        body = b"".join(self._pieces)
        if not self._is_open:
            exchange = self._usual_exchange() or self._open()
            if self._is_deaf:
                return
        self.phase = self._clocked = NOTHING
        self._is_open = False
        self._received = self._fed = 0  # what else this segment holds is not the next request's alone
        self.url = b""
        self._pieces, self._size = [], 0
        self.fields = {}
        if exchange is not None:
            exchange.process(body)
        elif isinstance(self.cycle, Exchange):
            self.cycle.complete(body)
        else:
            self.cycle.body += body
            super().on_message_complete()

    def refuse(self, error: InferenceError) -> None:
        """Answer what is being received with an error, after what came before it, and close; nothing more is read."""
        if self._is_deaf:
            return  # the rest of what was read with it
        self._is_deaf = True
        self._pieces = []
        self._deadline = time.perf_counter() + self.read_timeout_seconds
        cycle: Any = self.cycle
        if not self._is_open:
            self.take_turn(Refusal(self, error))
        elif cycle.response_complete:
            self._close_after_answer()
        elif isinstance(cycle, Exchange):
            cycle.abandon(error)
        else:
            self._stand_in(cycle, Refusal(self, error))

    def check_clock(self, now: float) -> None:
        """Close what has been quiet for too long; called twice a second."""
        if self.half_closed and self._has_reset():
            self.transport.abort()
        phase = self.phase
        patience = KEEP_ALIVE_SECONDS if phase is NOTHING else self.read_timeout_seconds
        if now < max(self._deadline, self.answered_at + patience):
            return
        if self._is_deaf or phase is NOTHING or (phase is BODY and not self.is_busy):
            if not self.is_busy:
                # Where the client does not read its answer, `close` would wait for it for ever.
                self.transport.abort()
        elif phase is BODY and self.cycle is not self._answering:
            self._deadline = now + self.read_timeout_seconds  # not read while those before it are being answered
        else:
            what = "body" if phase is BODY else "headers"
            self.refuse(ReadTimeout(f"the {what} did not arrive within {self.read_timeout_seconds:g} s"))

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > DISCARDED_BYTES:
            self.transport.abort()

    def _await_rest(self) -> None:
        if self.phase is BODY and not self._is_open:
            self._open()
            if self._is_deaf:
                return
        self._received += self._fed
        if self._received > heads.MAX_BYTES + BYTES_AROUND_A_BYTE * self._size:
            self.refuse(heads.too_large())
            return
        if self.phase is not self._clocked:
            self._clocked = self.phase
            self._deadline = time.perf_counter() + self.read_timeout_seconds
        if self._is_open and isinstance(self.cycle, Exchange):
            self.cycle.hold(self._size)

    def _answer_known(self, data: bytes) -> bool:
        """Answer a request that needs no parser; False where it does."""
        if self.is_busy or self.flow.write_paused or self._is_deaf:
            return False
        found = self.lane.known.find(data)
        if found is None:
            return False
        known, body = found
        self._new_heads = 0
        self.cycle = self._answering = exchange = InferenceExchange(self, known.endpoint, known.headers)
        exchange.process(body)
        return True

    def _usual_exchange(self) -> Exchange | None:
        """An exchange for a whole inference request with nothing unusual about it; it is its turn."""
        endpoint = self.lane.endpoints.get(self.url)
        if endpoint is None or self.is_busy or self.flow.write_paused or self._is_unusual() or self.lane.draining:
            return None
        if self.parser.get_method() != b"POST" or not self._keeps_alive():
            return None
        keys = self.lane.keys
        if keys is not None and not keys.admit(self.fields):
            return None
        self.cycle = self._answering = exchange = InferenceExchange(self, endpoint, self.fields)
        if self._new_heads < NEW_HEADS:
            self._usual = exchange
        return exchange

    def _is_unusual(self) -> bool:
        headers = self.fields
        if headers.get(b"host") != self._host or b"transfer-encoding" in headers:
            return True
        return self._received + self._fed > heads.MAX_BYTES

    def _open(self) -> None:
        """Begin an exchange on the lane, or a request cycle of uvicorn's; the headers are complete."""
        parser, headers = self.parser, self.fields
        if self._is_unusual():
            error = heads.fault(self.url, headers, parser.get_http_version())
            if error is not None:
                self.refuse(error)
                return
            self._host = headers.get(b"host", b" ")
        try:
            exchange = self.lane.open(self, parser.get_method(), self.url, headers)
            if exchange is None:
                self._open_cycle()
                return
        except httptools.HttpParserInvalidURLError:
            self.refuse(BadRequest("the request target is no path and no URL"))
            return
        exchange.keep_alive = self._keeps_alive() and not self.lane.draining
        self._is_open = True
        self.take_turn(exchange)

    def _keeps_alive(self) -> bool:
        if b"connection" in self.fields and self.parser.get_http_version() == "1.0":
            return False  # HTTP/1.0 needs an answer that says so, which nobody asks for any more
        return self.parser.should_keep_alive()

    def _refuse_body(self) -> None:
        if not self._is_open and not self._is_deaf:
            self._open()
        if not self._is_deaf:
            self.refuse(self.too_large())

    def _open_cycle(self) -> None:
        url = self.url if httptools.parse_url(self.url).path else b"/"
        super().on_message_begin()
        self.url = url
        self.headers.extend(self.fields.items())
        expects = self.fields.get(b"expect", b"").lower() == b"100-continue"
        self.expect_100_continue = expects and self.parser.get_http_version() == "1.1"
        self._is_open = True
        super().on_headers_complete()

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Read the request again as if it had not asked: llhttp has stopped in front of its body."""
        parser = self.parser
        if parser.get_method() == b"CONNECT":
            self.refuse(BadRequest("CONNECT is not supported"))
            return
        head = heads.without_upgrade(parser.get_method(), self.url, self.fields, parser.get_http_version())
        self.url, self.fields, self._received = b"", {}, 0
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.data_received(head + rest)

    def _has_reset(self) -> bool:
        peer: socket.socket = self.transport.get_extra_info("socket")
        return peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
