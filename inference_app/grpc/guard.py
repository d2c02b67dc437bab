"""API keys in front of the gRPC service."""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeAlias

import grpc

from inference_app.api_keys import ApiKeys, unauthorized
from inference_app.grpc.dispatch import CODES
from inference_app.grpc.service import NAME, Context
from inference_app.metrics import Metrics, RouteMetrics

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

KEYED = ("ModelInfer", "ModelMetadata")
"""The calls that ask a model or describe it; the others tell how the server is, or need the admin token."""


class Guard(grpc.GenericRpcHandler):
    """Lets calls to a service through, but those for which no key came, whose messages are never read."""

    def __init__(self, calls: grpc.GenericRpcHandler, keys: ApiKeys, metrics: Metrics) -> None:
        self._calls = calls
        self._keys = keys
        self._refusals = {f"/{NAME}/{name}": _refusal(metrics.routes[f"grpc/{name}"]) for name in KEYED}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        """What answers a call of which only method and metadata are known."""
        refusal = self._refusals.get(handler_call_details.method)
        if refusal is None or self._keys.admit(_headers(handler_call_details)):
            return self._calls.service(handler_call_details)
        return refusal


def _headers(call: grpc.HandlerCallDetails) -> Mapping[bytes, bytes]:
    """A call's metadata as HTTP/1.1 would have brought it: one name in several lines is one list."""
    headers: dict[bytes, bytes] = {}
    for name, value in call.invocation_metadata or ():
        key, content = name.encode(), value if isinstance(value, bytes) else value.encode()
        headers[key] = b", ".join((headers[key], content)) if key in headers else content
    return headers


def _refusal(route: RouteMetrics) -> Handler:
    async def refuse(_: Any, context: Context) -> NoReturn:
        error = unauthorized()
        route.observe(error.status, 0)
        await context.abort(CODES[error.status], str(error))

    # gRPC reads the message of a unary request before it calls a handler, and leaves a stream to the handler.
    return grpc.stream_unary_rpc_method_handler(refuse)
