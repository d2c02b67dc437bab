"""A model that runs in another server, asked in binary tensors of the Open Inference Protocol over kept connections.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from inference_app import tensors, tracing
from inference_app.errors import RETRY_SOON, BadRequest, DeadlineExceeded, InferenceError
from inference_app.protocols import tensor_list
from inference_app.protocols.infer_answer import HEADER_LENGTH
from inference_app.repository import Metadata
from inference_app.settings import Settings
from inference_app.tensors import Arrays, TensorSpec
from inference_app.transformer.calls import TracedCall

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 1.0
PAUSES = (0.0, 0.05, 0.2)
"""Seconds before each attempt of a request; a pod that ends takes its connections along, and the next one answers."""

POLL_SECONDS = 1.0
LENGTH = HEADER_LENGTH.decode()


class PredictorFailed(InferenceError):  # noqa: N818 - named after what happened, as in `errors`
    """The predictor refused the request or broke on it; the client gets its status, or 502 for one that makes none."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}

    @property
    def outline(self) -> str:
        """The status alone: what a predictor says may quote what it was sent."""
        return f"the predictor answers {int(self.status)}"


class PredictorUnavailable(InferenceError):  # noqa: N818
    """Nobody answers for the predictor, or it serves another version."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = RETRY_SOON


class Predictor:
    """One model at `settings.predictor_url`, in the version of `metadata`; any thread may call it."""

    def __init__(self, metadata: Metadata, settings: Settings) -> None:
        """Makes no connection yet."""
        self._metadata = metadata
        self._seconds = settings.request_timeout_seconds
        self._is_traced = tracing.is_wanted(settings)
        self._path = f"/v2/models/{metadata.name}/versions/{metadata.version}"
        self._outputs = tensor_list.lenient(metadata.outputs)
        self._url = settings.predictor_url or ""
        self._pool = urllib3.connection_from_url(self._url, maxsize=settings.model_threads or 1)

    def run(self, inputs: Arrays) -> Arrays:
        """The model's outputs for checked inputs, batch axis first in both.

        Raises `PredictorFailed`, `PredictorUnavailable`, or `DeadlineExceeded` after the settings' request timeout.
        """
        body, length = write(inputs, self._metadata.inputs)
        headers = {"Content-Type": "application/octet-stream", LENGTH: str(length)}
        given = self._infer(body, headers)
        if given.status != HTTPStatus.OK:
            raise _failure(given)
        try:
            return read(given, self._outputs, tensors.rows(inputs))
        except (BadRequest, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PredictorFailed(HTTPStatus.BAD_GATEWAY, f"the predictor's answer cannot be read: {error}") from error

    def _infer(self, body: bytes, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        path = f"{self._path}/infer"
        if not self._is_traced:
            return self._ask("POST", path, self._seconds, body, headers)
        with TracedCall("POST", self._url + path) as call:
            given = self._ask("POST", path, self._seconds, body, {**headers, **call.headers()})
            call.status = given.status
        return given

    def wait(self) -> None:
        """Return as soon as the predictor is ready with this version; log what it says instead, once each."""
        said = ""
        while reason := self._not_ready():
            if reason != said:
                logger.warning("waiting for the predictor", extra={"reason": reason})
            said = reason
            time.sleep(POLL_SECONDS)

    def _not_ready(self) -> str:
        try:
            given = self._ask("GET", f"{self._path}/ready", CONNECT_SECONDS)
        except InferenceError as error:
            return str(error)
        return "" if given.status == HTTPStatus.OK else str(_failure(given))

    def _ask(
        self,
        method: str,
        path: str,
        seconds: float,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """An answer of whatever status. A request whose connection breaks is sent again: inferences change nothing."""
        end = time.monotonic() + seconds
        broken: HTTPError | None = None
        for pause in PAUSES:
            time.sleep(pause)
            left = max(0.001, end - time.monotonic())
            timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=left)
            try:
                return self._pool.urlopen(method, path, body, headers, retries=False, timeout=timeout)
            except ReadTimeoutError as error:
                raise DeadlineExceeded(f"the predictor has not answered within {seconds:g} s") from error
            except HTTPError as error:
                broken = error
        raise PredictorUnavailable(f"the predictor cannot be reached: {broken}") from broken


def write(inputs: Arrays, specs: tuple[TensorSpec, ...]) -> tuple[bytes, int]:
    """A request's body that asks for binary outputs, and how many bytes of it are JSON."""
    described, data = tensor_list.write(inputs, specs)
    head = orjson.dumps({"inputs": described, "parameters": {"binary_data_output": True}})
    return b"".join((head, *data)), len(head)


def read(given: urllib3.BaseHTTPResponse, specs: Mapping[str, TensorSpec], rows: int) -> Arrays:
    """The arrays of an answer, views of its body, in the order of `specs`.

    Raises `BadRequest`, `ValueError`, `KeyError` or `TypeError` unless it holds `rows` examples of each of `specs`.
    """
    start = int(given.headers[LENGTH])
    return tensor_list.read(orjson.loads(given.data[:start])["outputs"], given.data, start, specs, rows)


def _failure(given: urllib3.BaseHTTPResponse) -> InferenceError:
    message = f"the predictor answers {given.status}: {_message(given.data)}"
    if given.status == HTTPStatus.NOT_FOUND:
        return PredictorUnavailable(message)
    if given.status < HTTPStatus.BAD_REQUEST:
        return PredictorFailed(HTTPStatus.BAD_GATEWAY, message)
    retry = given.headers.get("Retry-After")
    return PredictorFailed(given.status, message, {"Retry-After": retry} if retry else None)


def _message(body: bytes) -> str:
    """What an error's body says (https://github.com/kserve/open-inference-protocol: `{"error": ...}`)."""
    try:
        document: Any = orjson.loads(body)
        return str(document["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
