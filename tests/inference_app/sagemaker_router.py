"""What stands between a SageMaker client and a container: the part of the platform that routes invocations."""

import json
import threading
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

PASSED_ON = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes", "X-Amzn-SageMaker-Target-Model")
PASSED_BACK = ("content-type", "x-amzn-sagemaker-custom-attributes")


class SageMakerRouter:
    """Takes `InvokeEndpoint` and calls the container; on a multi-model endpoint it loads the model first."""

    def __init__(self, container: str, archives: Mapping[str, Path] | None = None) -> None:
        """`archives` are the unpacked ones of a multi-model endpoint, by the name that a client targets."""
        self._container = container
        self._archives = archives or {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        router = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
                status, given, content = router.invoke(body, headers)
                self.send_response(status)
                for name, value in given.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                pass

        return Handler

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a client: a container's error becomes SageMaker's `ModelError`."""
        target = headers.get("X-Amzn-SageMaker-Target-Model")
        path = "/invocations" if target is None else f"/models/{self._loaded(target)}/invoke"
        status, given, content = self.call("POST", path, body, headers)
        if status == 200:
            return status, {name: given[name] for name in PASSED_BACK if name in given}, content
        error = {"OriginalStatusCode": status, "OriginalMessage": content.decode(), "Message": "model error"}
        return 424, {"x-amzn-errortype": "ModelError"}, json.dumps(error).encode()

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One call of the container, whatever it answers."""
        request = Request(self._container + path, body, dict(headers or {}), method=method)
        try:
            response: HTTPResponse = urlopen(request, timeout=60)
        except HTTPError as error:
            return error.code, _lower(error.headers), error.read()
        with response:
            return response.status, _lower(response.headers), response.read()

    def _loaded(self, target: str) -> str:
        name = target.removesuffix(".tar.gz").replace("/", "-")
        wanted = json.dumps({"model_name": name, "url": str(self._archives[target])}).encode()
        status, _, content = self.call("POST", "/models", wanted, {"Content-Type": "application/json"})
        assert status in (200, 409), content
        return name


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
