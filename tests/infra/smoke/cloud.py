"""The clouds' side of an endpoint: what they demand of a request before it reaches the model server."""

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Mapping
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import Request as Call
from urllib.request import urlopen

from tests.inference_app.lambda_runtime import LambdaFunction
from tests.loopback import Request, Response

ACCESS_KEY, SECRET_KEY = "AKIAEXAMPLE", "not-a-secret"
REGION = "eu-west-1"
TOKEN = "a-token-of-entra"


def forwarded(server: str, request: Request, path: str) -> Response:
    """What the model server at `server` says to the request's body."""
    passed = {name: value for name, value in request.headers.items() if name in ("content-type", "accept")}
    try:
        with urlopen(Call(server + path, request.body, passed), timeout=30) as response:
            return Response(headers={"Content-Type": response.headers["Content-Type"]}, body=response.read())
    except HTTPError as error:
        return Response(status=error.code, body=error.read())


def signed(request: Request, service: str) -> bool:
    """Whether the request carries the right signature, worked out from the specification alone.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    pattern = (
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/([^/]+)/aws4_request, SignedHeaders=(\S+), Signature=(\w+)"
    )
    given = re.fullmatch(pattern, request.headers.get("authorization", ""))
    if given is None or given[1] != ACCESS_KEY or given[4] != service:
        return False
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in given[5].split(";"))
    parts = urlsplit(request.path)
    content = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join([request.method, parts.path, parts.query, headers, given[5], content])
    scope = "/".join([*given.group(2, 3, 4), "aws4_request"])
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, hashed])
    key = f"AWS4{SECRET_KEY}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), given[6])


def function_url(function: LambdaFunction) -> Callable[[Request], Response]:
    """A function URL with IAM authentication (https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html)."""

    def handle(request: Request) -> Response:
        if not signed(request, "lambda"):
            return Response(status=403, body=b'{"Message": "Forbidden"}')
        http = {"method": request.method, "path": request.path}
        event = {
            "version": "2.0",
            "rawPath": request.path,
            "headers": request.headers,
            "requestContext": {"http": http, "stage": "$default"},
            "body": request.body.decode(),
            "isBase64Encoded": False,
        }
        given = function.invoke(event).document
        return Response(status=given["statusCode"], headers=given["headers"], body=given["body"].encode())

    return handle


def online_endpoint(server: str) -> Callable[[Request], Response]:
    """An Azure ML online endpoint: its token, then the container's route."""

    def handle(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Response(status=401, body=b'{"error": "no valid token"}')
        return forwarded(server, request, request.path)

    return handle


class SageMaker:
    """The runtime service of SageMaker for one container, and the part of S3 that asynchronous endpoints need."""

    def __init__(self, container: str, seconds: float = 0.3) -> None:
        """An asynchronous invocation takes so many seconds; the `container` is a model server's address."""
        self.objects: dict[str, bytes] = {}
        self.deleted: list[str] = []
        self._container, self._seconds = container, seconds

    def runtime(self, request: Request) -> Response:
        """InvokeEndpoint and InvokeEndpointAsync, of requests with the right signature."""
        if not signed(request, "sagemaker"):
            return _error(403, "AccessDeniedException", "not signed")
        if request.path.endswith("/async-invocations"):
            return self._later(request)
        given = forwarded(self._container, request, "/invocations")
        if given.status == 200:
            return given
        error = {"OriginalStatusCode": given.status, "OriginalMessage": given.body.decode(), "Message": "failed"}
        return _error(424, "ModelError", "failed", error)

    def _later(self, request: Request) -> Response:
        source = request.headers["x-amzn-sagemaker-inputlocation"]
        accept = {"content-type": "application/json", "accept": request.headers["x-amzn-sagemaker-accept"]}
        content = self.objects[source.removeprefix("s3:/")]
        work = Request(method="POST", path="", headers=accept, body=content)
        timer = threading.Timer(self._seconds, self._finish, [work])
        timer.daemon = True
        timer.start()
        headers = {
            "X-Amzn-SageMaker-OutputLocation": "s3://models/outputs/1.out",
            "X-Amzn-SageMaker-FailureLocation": "s3://models/failures/1.out",
            "Content-Type": "application/json",
        }
        return Response(status=202, headers=headers, body=b'{"InferenceId": "1"}')

    def _finish(self, work: Request) -> None:
        given = forwarded(self._container, work, "/invocations")
        self.objects["/models/outputs/1.out" if given.status == 200 else "/models/failures/1.out"] = given.body

    def s3(self, request: Request) -> Response:
        """PutObject, GetObject and DeleteObject; what is absent looks forbidden, as it does without ListBucket."""
        path = unquote(urlsplit(request.path).path)
        if not re.search(r"/s3/aws4_request", request.headers.get("authorization", "")):
            return Response(status=403)
        if request.method == "PUT":
            self.objects[path] = request.body
            return Response()
        if request.method == "DELETE":
            del self.objects[path]
            self.deleted.append(path)
            return Response(status=204)
        if path not in self.objects:
            return Response(status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
        return Response(body=self.objects[path])


def _error(status: int, code: str, message: str, more: Mapping[str, object] | None = None) -> Response:
    body = json.dumps({"message": message, **(more or {})}).encode()
    return Response(status=status, headers={"x-amzn-errortype": code, "Content-Type": "application/json"}, body=body)
