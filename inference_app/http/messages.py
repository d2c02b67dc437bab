"""The reading half of a connection: a request's target, headers and body, collected as the parser finds them."""

from abc import abstractmethod
from typing import Any

from inference_app.errors import InferenceError, TooLarge
from inference_app.http import heads
from inference_app.http.turns import Phase, Turns

NOTHING, HEADERS, BODY = Phase.NOTHING, Phase.HEADERS, Phase.BODY


PIECE_BYTES = 1024
"""A piece of a body of this size is kept as it came."""


class Messages(Turns):
    """Collects one request after another."""

    max_body_bytes: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.url = b""
        self.fields: dict[bytes, bytes] = {}
        self._pieces: list[bytes | bytearray] = []
        """Of the body; short ones in one growing buffer, since a client may send millions of them."""
        self._size = 0
        super().__init__(*args, **kwargs)

    @abstractmethod
    def refuse(self, error: InferenceError) -> None:
        """Answer what is being received with an error, after what came before it, and close; nothing more is read."""

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target, its first sign."""
        self.phase = HEADERS
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; trailers, which come behind a body, mean nothing here."""
        if self.phase is BODY:
            return
        name, fields = name.lower(), self.fields
        if name in fields:
            self._repeat(name, value)
        else:
            fields[name] = value

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._size += len(body)
        pieces = self._pieces
        if len(body) >= PIECE_BYTES or not pieces:
            pieces.append(body)
        elif isinstance(pieces[-1], bytearray):
            pieces[-1] += body
        else:
            pieces.append(bytearray(body))
        if self._size > self.max_body_bytes:
            self._refuse_body()

    def too_large(self) -> TooLarge:
        """The error of a body with too many bytes."""
        return TooLarge(f"the body may have at most {self.max_body_bytes} bytes")

    @abstractmethod
    def _refuse_body(self) -> None:
        """Too much of a body has come."""

    def _repeat(self, name: bytes, value: bytes) -> None:
        """One header in several lines is one list (RFC 9110, section 5.3)."""
        joined = self.fields[name] + b", " + value
        if len(joined) <= heads.MAX_REPEATED_BYTES:
            self.fields[name] = joined
        elif not self._is_deaf:
            self.refuse(heads.too_large())
