"""From a call on the wire to the service's method, and from what it raises to a status code."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from inference_app import failures, logs
from inference_app.errors import (
    BadRequest,
    BuffersFull,
    ClientDisconnected,
    ConfigurationError,
    DeadlineExceeded,
    InferenceError,
    ModelUnusable,
    UnknownModel,
)
from inference_app.grpc import open_inference_pb2 as pb
from inference_app.grpc.service import NAME, Context, InferenceService, time_remaining
from inference_app.metrics import RouteMetrics
from inference_app.models import Models
from inference_app.trace import Trace, current
from inference_app.tracing import Tracer

logger = logging.getLogger(__name__)

Method = Callable[[Any, Context], Awaitable[Message]]

KNOWN = (InferenceError, ConfigurationError, ModelUnusable, DecodeError)

CODES: dict[int, grpc.StatusCode] = {
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.CONFLICT: grpc.StatusCode.FAILED_PRECONDITION,
    # RESOURCE_EXHAUSTED invites another try, which a request that is too large for ever does not deserve.
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.TOO_MANY_REQUESTS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    ClientDisconnected.status: grpc.StatusCode.CANCELLED,
    HTTPStatus.INSUFFICIENT_STORAGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""https://github.com/grpc/grpc/blob/master/doc/statuscodes.md"""


@dataclass
class Shared:
    """What all calls of a server share; `buffered` counts the bytes of the messages that have no answer yet."""

    models: Models
    max_buffered: int
    tracer: Tracer | None = None
    buffered: int = 0


@dataclass(slots=True)
class Call:
    """One call on its way, counted by its route alone until it has reached a model."""

    started: float
    counts: RouteMetrics
    trace: Trace | None
    model: tuple[str, str] | None = None
    """Name and version."""


def handler(service: InferenceService, shared: Shared) -> grpc.GenericRpcHandler:
    """The service for a server; its calls are counted as routes `grpc/<method>`, with HTTP's status codes."""
    methods: dict[str, tuple[Method, type[Message]]] = {
        "ServerLive": (service.server_live, pb.ServerLiveRequest),
        "ServerReady": (service.server_ready, pb.ServerReadyRequest),
        "ModelReady": (service.model_ready, pb.ModelReadyRequest),
        "ServerMetadata": (service.server_metadata, pb.ServerMetadataRequest),
        "ModelMetadata": (service.model_metadata, pb.ModelMetadataRequest),
        "ModelInfer": (service.model_infer, pb.ModelInferRequest),
        "RepositoryIndex": (service.repository_index, pb.RepositoryIndexRequest),
        "RepositoryModelLoad": (service.repository_load, pb.RepositoryModelLoadRequest),
        "RepositoryModelUnload": (service.repository_unload, pb.RepositoryModelUnloadRequest),
    }
    if shared.models.default is not None:
        shared.models.default.metrics.routes.begin("grpc/ModelInfer")
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        name: grpc.unary_unary_rpc_method_handler(Dispatch(name, method, message, shared).handle, None, _encode)
        for name, (method, message) in methods.items()
    }
    return grpc.method_handlers_generic_handler(NAME, handlers)


def _encode(response: Message) -> bytes:
    return response.SerializeToString()


class Dispatch:
    """Serves one kind of call."""

    def __init__(self, name: str, method: Method, message: type[Message], shared: Shared) -> None:
        self._name = name
        self._label = f"grpc/{name}"
        self._method = method
        self._message = message
        self._shared = shared
        self._metrics = shared.models.metrics
        self._counts = self._metrics.routes[self._label]

    async def handle(self, content: bytes, context: Context) -> Message:
        """Answer one call, and count it."""
        started = time.perf_counter()
        call = Call(started, self._counts, self._begin_trace(context, started))
        if call.trace is not None:
            context.set_trailing_metadata((("traceresponse", call.trace.response),))
        self._metrics.in_flight += 1
        self._shared.buffered += len(content)
        try:
            outcome = await self._answer(content, context, call)
        except asyncio.CancelledError:
            self._count(_left(context), call)
            raise
        finally:
            self._metrics.in_flight -= 1
            self._shared.buffered -= len(content)
        if isinstance(outcome, InferenceError):
            self._count(outcome, call)
            await context.abort(_code(outcome), str(outcome))
        self._count(None, call)
        return outcome

    async def _answer(self, content: bytes, context: Context, call: Call) -> Message | InferenceError:
        held = self._shared.buffered
        if held > self._shared.max_buffered:
            return BuffersFull(f"{held} bytes of unanswered requests are held; try later")
        try:
            message = self._message.FromString(content)
            if isinstance(message, pb.ModelInferRequest):
                model = self._shared.models.get(message.model_name, message.model_version or None)
                call.counts = model.metrics.routes[self._label]
                call.model = model.metadata.name, model.metadata.version
                if call.trace is not None:
                    call.trace.model = call.model
                    current.set(call.trace)
            return await self._method(message, context)
        except KNOWN as error:
            return _translate(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            logger.error("a call failed", extra={"route": self._label, "exception": logs.outline(error)})
            return InferenceError("internal error")

    def _count(self, outcome: InferenceError | None, call: Call) -> None:
        now = time.perf_counter()
        seconds = now - call.started
        status = int(HTTPStatus.OK if outcome is None else outcome.status)
        trace = call.trace
        if outcome is not None:
            failures.report(outcome, self._label, seconds, call.model, trace)
        if trace is None:
            call.counts.observe(status, seconds)
            return
        call.counts.observe(status, seconds, trace.trace_id)
        trace.error = outcome
        trace.finish_grpc(f"{NAME}/{self._name}", _code(outcome).name, now)

    def _begin_trace(self, context: Context, started: float) -> Trace | None:
        if self._shared.tracer is None:
            return None
        metadata = context.invocation_metadata() or ()
        headers = {key.encode(): value if isinstance(value, bytes) else value.encode() for key, value in metadata}
        return self._shared.tracer.begin(headers, started)


def _left(context: Context) -> InferenceError:
    """Why a call was cancelled: the transport does so at its deadline, and when the caller leaves."""
    remaining = time_remaining(context)
    if remaining is not None and remaining <= 0:
        return DeadlineExceeded("the deadline passed before the answer was there")
    return ClientDisconnected("the caller left before its answer")


def _translate(error: Exception) -> InferenceError:
    """What the caller hears of an error."""
    if isinstance(error, InferenceError):
        return error
    if isinstance(error, ConfigurationError):
        return UnknownModel(str(error))
    if isinstance(error, ModelUnusable):
        return BadRequest(str(error))
    return BadRequest("the message is not of this call's type")


def _code(outcome: InferenceError | None) -> grpc.StatusCode:
    if outcome is None:
        return grpc.StatusCode.OK
    return CODES.get(outcome.status, grpc.StatusCode.INTERNAL)
