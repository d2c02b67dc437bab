"""HTTP connections whose headers must come in time and stay small; uvicorn sets no limit on either."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 64 * 1024


class Connection(HttpToolsProtocol):
    """uvicorn's connection, closed when a request's headers take too long or too many bytes.

    The same clock bounds how long a client may go on sending a body that was refused.
    """

    read_timeout_seconds: float = 30

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._reading_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Expect the first request's headers from now on."""
        super().connection_made(transport)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Parse; after an answer, the first byte starts the next request's clock."""
        between_requests = self.cycle is not None and self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        if self._deadline is None and between_requests:
            self._expect_headers()
        super().data_received(data)
        if self._deadline is None or self._reading_body:
            return
        self._header_bytes += len(data)
        if self._header_bytes > MAX_HEADER_BYTES:
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Stop the clock: the body's time is `body.read`'s to keep."""
        self._stop_clock()
        self._reading_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Count the next bytes as headers again."""
        self._reading_body = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def _expect_headers(self) -> None:
        self._header_bytes = 0
        self._deadline = self.loop.call_later(self.read_timeout_seconds, self.transport.close)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
