"""Lambda's side of a function: the Runtime API, scripted, and the function's process under Amazon's runtime client.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any, NamedTuple, Self

VERSION = "/2018-06-01/runtime"


class Outcome(NamedTuple):
    """What a function's process reported: `response`, `error` or, before its first event, `init/error`."""

    kind: str
    document: Any


class LambdaFunction:
    """A function's process as the image configuration starts it, and the API that it asks for events."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._events: queue.Queue[tuple[Any, float]] = queue.Queue()
        self._outcomes: queue.Queue[Outcome] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._environment = {
            **os.environ,
            **environment,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "inference_app.aws_lambda.handler"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def invoke(self, event: Any, seconds: float = 30) -> Outcome:
        """Send an event that must be answered within so many seconds, and wait for the outcome."""
        self._events.put((event, time.time() + seconds))
        return self.outcome()

    def outcome(self) -> Outcome:
        """The next report; raises `queue.Empty` when none comes."""
        return self._outcomes.get(timeout=60)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        function = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                event, deadline = function._events.get()
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": "1",
                    "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:digits",
                }
                self.respond(200, json.dumps(event).encode(), headers)

            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                path = PurePosixPath(self.path.removeprefix(VERSION))
                kind = path.name if path.parts[1] == "invocation" else "init/error"
                function._outcomes.put(Outcome(kind, document))
                self.respond(202, b"{}", {})

            def respond(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Type": "application/json", "Content-Length": len(body)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                pass

        return Handler
