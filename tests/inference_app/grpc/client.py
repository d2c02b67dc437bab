"""Calls to a gRPC server, by method name."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc
from google.protobuf.message import Message

from inference_app.grpc import open_inference_pb2 as pb
from inference_app.grpc import server, service
from inference_app.models import Models
from tests.inference_app import counted

ANSWERS: dict[str, type[Message]] = {
    method.name: getattr(pb, method.output_type.name)
    for method in pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
}


class Client:
    """Calls one server."""

    def __init__(self, models: Models, server: server.GrpcServer, channel: grpc.aio.Channel) -> None:
        self.models = models
        self.server = server
        self.channel = channel

    def call(self, method: str, request: Message, **options: Any) -> Any:
        """A call in flight; await it for the answer."""
        channel: Any = self.channel
        path, encode, decode = f"/{service.NAME}/{method}", type(request).SerializeToString, ANSWERS[method].FromString
        return channel.unary_unary(path, encode, decode)(request, **options)

    def send(self, method: str, content: bytes) -> Any:
        """A call in flight with any bytes for a message."""
        channel: Any = self.channel
        return channel.unary_unary(f"/{service.NAME}/{method}")(content)

    def counted(self, method: str) -> dict[int, int]:
        """How many calls ended with each status."""
        return counted.answers(self.models.metrics, f"grpc/{method}")


Code = Callable[[Awaitable[Any]], Awaitable[tuple[grpc.StatusCode, str]]]
"""Awaits a call that fails; its status code and details."""

Connect = Callable[..., AbstractAsyncContextManager[Client]]
"""Starts a server with the given settings and connects to it."""
