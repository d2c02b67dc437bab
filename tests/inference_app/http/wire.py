"""A bare connection: what goes over it byte by byte, and the answers that come back."""

import socket
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

HEALTH = b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n"
MUCH = 100_000_000
"""More bytes than all socket buffers on the way hold."""


class Answer(NamedTuple):
    """One answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A client that knows no better than to send what it is told."""

    def __init__(self, url: str, timeout: float = 20) -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname or "", address.port or 0), timeout)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def send(self, *pieces: bytes) -> Self:
        """Send pieces, each in a segment of its own."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            self.socket.sendall(piece)
        return self

    def end(self) -> Self:
        """Send no more, but go on reading."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def answer(self, *, to_head: bool = False) -> Answer:
        """The next answer; that to a HEAD request has no body."""
        status, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        code = int(status.split(" ")[1])
        has_body = code >= 200 and not to_head
        return Answer(code, headers, self._take(int(headers["content-length"])) if has_body else b"")

    def answers(self, count: int) -> list[Answer]:
        """The next answers."""
        return [self.answer() for _ in range(count)]

    def rest(self) -> bytes:
        """All that still comes until the server closes the connection."""
        received, self._received = self._received, b""
        return received + b"".join(iter(lambda: self.socket.recv(65536), b""))

    def last(self) -> Answer:
        """The next answer, behind which the server closes the connection."""
        answer = self.answer()
        rest = self.rest()
        assert rest == b"", rest[:200]
        return answer

    def all(self) -> Iterator[Answer]:
        """Answers until the server closes the connection."""
        while self._fill():
            yield self.answer()

    def sent_until_closed(self, data: bytes) -> int:
        """Bytes that could be sent, over and over, before the server closed; `MUCH` or more when it never did."""
        sent = 0
        try:
            while sent < MUCH:
                sent += self.socket.send(data)
        except (ConnectionResetError, BrokenPipeError):
            return sent
        return sent

    def _fill(self) -> bool:
        if not self._received:
            self._received = self.socket.recv(65536)
        return bool(self._received)

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._received:
            self._more()
        found, _, self._received = self._received.partition(mark)
        return found

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            self._more()
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def _more(self) -> None:
        piece = self.socket.recv(65536)
        assert piece, f"the connection closed within an answer: {self._received[:200]!r}"
        self._received += piece


def post(path: str, body: bytes, *headers: str, version: str = "1.1") -> bytes:
    """A POST request with JSON."""
    lines = ["Host: test", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return (
        f"POST {path} HTTP/{version}\r\n".encode() + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body
    )


def chunked(path: str, chunks: bytes, *headers: str) -> bytes:
    """A POST request with JSON in chunks, given as they go over the wire."""
    lines = ["Host: test", "Content-Type: application/json", "Transfer-Encoding: chunked", *headers]
    return f"POST {path} HTTP/1.1\r\n".encode() + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + chunks
