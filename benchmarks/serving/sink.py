"""`python -m benchmarks.serving.sink`: a collector that takes exports of spans and counts the requests among them.

It prints its port, and on standard input's end how many requests were traced.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

ONE_PER_REQUEST = b"postprocess"
"""The name of a span that every answered request has once."""


class Sink(ThreadingHTTPServer):
    """Listens on a free port of loopback."""

    requests = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """One connection; an answer costs little, for its processor is also the server's."""

    protocol_version = "HTTP/1.1"
    server: Sink  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += body.count(ONE_PER_REQUEST)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing is printed."""


def main() -> None:
    """Take exports until standard input ends."""
    sink = Sink()
    Thread(target=sink.serve_forever, daemon=True).start()
    print(sink.server_address[1], flush=True)
    sys.stdin.read()
    print(sink.requests)


if __name__ == "__main__":
    main()
