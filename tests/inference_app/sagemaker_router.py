"""What stands between a SageMaker client and a container: the part of the platform that routes invocations."""

import json
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request as ContainerRequest
from urllib.request import urlopen

from tests.loopback import Loopback, Request, Response

PASSED_ON = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes", "x-amzn-sagemaker-target-model")
PASSED_BACK = ("content-type", "x-amzn-sagemaker-custom-attributes")


class SageMakerRouter(Loopback):
    """Takes `InvokeEndpoint` and calls the container; on a multi-model endpoint it loads the model first."""

    def __init__(self, container: str, archives: Mapping[str, Path] | None = None) -> None:
        """`archives` are the unpacked ones of a multi-model endpoint, by the name that a client targets."""
        super().__init__(self._answer)
        self._container = container
        self._archives = archives or {}

    def _answer(self, request: Request) -> Response:
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        status, given, content = self.invoke(request.body, headers)
        return Response(status=status, headers=given, body=content)

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a client: a container's error becomes SageMaker's `ModelError`."""
        target = headers.get("x-amzn-sagemaker-target-model")
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
        request = ContainerRequest(self._container + path, body, dict(headers or {}), method=method)
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
