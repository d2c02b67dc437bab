"""The server's models as an AWS Lambda function, from the image that runs everywhere else.

The function's image configuration replaces the image's own command
(https://docs.aws.amazon.com/lambda/latest/api/API_ImageConfig.html):

    EntryPoint  ["python", "-m", "awslambdaric"]
    Command     ["inference_app.aws_lambda.handler"]

Function URLs and HTTP APIs reach the paths that the server has; an event that is no HTTP request is the body of
`POST /predict`, and the result is its answer. The settings are the server's, as environment variables of the function.
API keys, where there are any, are asked of HTTP requests alone: whoever invokes a function directly has AWS's leave.
"""

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import unquote

import orjson

from inference_app import api_keys, logs, settings, tensors
from inference_app.api_keys import ApiKeys
from inference_app.contract import Route
from inference_app.errors import BadRequest, InferenceError, NotReady, UnknownPath
from inference_app.http import exchange, probes
from inference_app.metrics import Metrics
from inference_app.models import Models, find
from inference_app.outputs import BatchOutputs, Rows
from inference_app.protocols.call import JSON, Answer, Api, Headers
from inference_app.served_model import ServedModel

TEXTUAL = (JSON, b"text/")
"""Types whose bodies go into the response as they are; others as base64."""


class Context(Protocol):
    """What Lambda tells a handler about one invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


class Function:
    """Answers one event after another, as a Lambda execution environment does."""

    def __init__(self, models: Models, loop: asyncio.AbstractEventLoop, keys: ApiKeys | None) -> None:
        self._models = models
        self._loop = loop
        self._keys = keys
        self._probes: dict[str, Callable[[Headers], Answer]] = probes.make(models)

    def __call__(self, event: Any, context: Context) -> Any:
        """The response to an HTTP request, or else the answer to the event as a prediction's body.

        An HTTP client gets an `InferenceError` as a response; whoever invokes the function directly gets it raised.
        """
        deadline = time.perf_counter() + context.get_remaining_time_in_millis() / 1000
        if not _is_http(event):
            body, headers = orjson.dumps(event), {b"content-type": JSON}
            return orjson.loads(self._infer(self._default(), Api.PREDICT, body, headers, deadline).body)
        try:
            return _response(self._answer(event, deadline), HTTPStatus.OK)
        except InferenceError as error:
            return _response(exchange.error_answer(error), error.status)

    def _answer(self, event: dict[str, Any], deadline: float) -> Answer:
        headers = _headers(event)
        method, path = event["requestContext"]["http"]["method"], _path(event)
        if method == "GET" and path in self._probes:
            return self._probes[path](headers)
        if method != "POST":
            raise UnknownPath(f"{method} {path} is not answered here")
        if self._keys is not None:
            self._keys.check(headers)
        model, api = self._find(path)
        if b"timeout" in headers:
            deadline = min(deadline, exchange.deadline(headers, time.perf_counter()))
        return self._infer(model, api, _body(event), headers, deadline)

    def _find(self, path: str) -> tuple[ServedModel, Api]:
        match path.strip("/").split("/"):
            case ["" | "predict"]:
                return self._default(), Api.PREDICT
            case ["predict", name]:
                return self._models.get(name), Api.PREDICT
            case ["invocations"]:
                return self._default(), Api.INVOCATIONS
            case ["v2", "models", name, "infer"]:
                return self._models.get(name), Api.OPEN_INFERENCE
            case ["v2", "models", name, "versions", version, "infer"]:
                return self._models.get(name, version), Api.OPEN_INFERENCE
            case _:
                raise UnknownPath(f"POST {path} is not answered here; POST {Route.PREDICT} is")

    def _default(self) -> ServedModel:
        model = self._models.default
        if model is None:
            raise NotReady("no model is loaded")
        return model

    def _infer(self, model: ServedModel, api: Api, body: bytes, headers: Headers, deadline: float) -> Answer:
        serving = model.enter()
        try:
            call = serving.codecs[api].parse(body, headers)
            arrays = self._loop.run_until_complete(serving.batcher.infer(call.inputs, deadline))
        finally:
            serving.leave()
        return call.render(Rows(BatchOutputs(arrays), 0, tensors.rows(arrays)))


def _is_http(event: Any) -> bool:
    """Payload format 2.0 (https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads)."""
    return isinstance(event, dict) and "http" in cast("dict[str, Any]", event).get("requestContext", ())


def _path(event: dict[str, Any]) -> str:
    """The path without the stage that an HTTP API puts in front of it."""
    path, stage = unquote(event["rawPath"]), event["requestContext"].get("stage", "$default")
    return path.removeprefix(f"/{stage}") if f"{path}/".startswith(f"/{stage}/") else path


def _headers(event: dict[str, Any]) -> Headers:
    headers: Mapping[str, str] = event.get("headers", {})
    return {name.lower().encode(): value.encode() for name, value in headers.items()}


def _body(event: dict[str, Any]) -> bytes:
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise BadRequest(f"the body is no base64: {error}") from None


def _response(answer: Answer, status: int) -> dict[str, Any]:
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    is_text = answer.content_type.startswith(TEXTUAL)
    return {
        "statusCode": int(status),
        "headers": {"content-type": answer.content_type.decode(), **headers},
        "body": (answer.body if is_text else base64.b64encode(answer.body)).decode(),
        "isBase64Encoded": not is_text,
    }


def load() -> Function:
    """Load the models; raises `ConfigurationError`, or `NotReady` with the reason, either of which fails the start."""
    # Lambda freezes the process between events, which a watchdog would take for a model that hangs.
    wanted = settings.load().model_copy(update={"watchdog_interval_seconds": 0.0, "repository_poll_seconds": 0.0})
    logs.configure(wanted.log_level)
    models = Models(find(wanted), wanted, Metrics())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(models.start())
    models.require_ready()
    return Function(models, loop, api_keys.of(wanted))


def __getattr__(name: str) -> Function:
    """`handler`, made when Lambda's runtime client asks for it: importing this module loads nothing."""
    if name != "handler":
        raise AttributeError(name)
    globals()["handler"] = load()
    return globals()["handler"]
