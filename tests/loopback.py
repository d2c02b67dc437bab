"""A small HTTP server on loopback whose answers are a function of the request."""

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came in; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Response:
    """What goes out, after `delay` seconds."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    delay: float = 0.0


class Loopback:
    """Answers with `handle`, over TLS with the certificate of `tls` if given, and keeps what it was asked."""

    def __init__(self, handle: Callable[[Request], Response], tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self._handle = handle
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.block_on_close = False
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = _body(self)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(method=self.command, path=self.path, headers=headers, body=body)
                loopback.requests.append(request)
                response = loopback._handle(request)
                time.sleep(response.delay)
                self.send_response(response.status)
                for name, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
                    self.send_header(name, value)
                with contextlib.suppress(ConnectionError):  # a client that did not wait
                    self.end_headers()
                    self.wfile.write(response.body)

            do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - the standard library's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    """The content, out of the chunks with checksums in which Amazon's client may send it."""
    content = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
    if "aws-chunked" not in handler.headers.get("Content-Encoding", ""):
        return content
    length = int(handler.headers["X-Amz-Decoded-Content-Length"])
    return content.split(b"\r\n", 1)[1][:length]
