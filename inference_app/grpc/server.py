"""The gRPC front end of a server: inference, health checking and reflection on one port."""

import logging

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection

from inference_app import api_keys
from inference_app.errors import ConfigurationError
from inference_app.grpc import dispatch, service
from inference_app.grpc.guard import Guard
from inference_app.grpc.health import Health
from inference_app.models import Models
from inference_app.settings import Settings
from inference_app.tracing import Tracer

logger = logging.getLogger(__name__)


class GrpcServer:
    """A listening server."""

    def __init__(self, server: grpc.aio.Server, health: Health, port: int) -> None:
        self._server = server
        self._health = health
        self.port = port

    async def stop(self, grace: float) -> None:
        """Accept no more calls, and give those that run `grace` seconds."""
        self._health.close()
        await self._server.stop(grace)


async def serve(models: Models, settings: Settings, tracer: Tracer | None = None) -> GrpcServer:
    """Listen on `settings.grpc_port`, of which 0 takes a free one; raises `ConfigurationError` where it is taken."""
    options = [
        ("grpc.max_receive_message_length", settings.max_body_bytes),
        ("grpc.max_send_message_length", -1),
        # Workers share the port; else a second server on it would get some of the calls, unnoticed.
        ("grpc.so_reuseport", int(settings.workers > 1)),
    ]
    server = grpc.aio.server(options=options)
    health = Health(models, service.NAME)
    shared = dispatch.Shared(models, settings.max_buffered_bytes, tracer)
    calls = dispatch.handler(service.InferenceService(models, settings), shared)
    keys = api_keys.of(settings)
    guarded = calls if keys is None else Guard(calls, keys, models.metrics)
    server.add_generic_rpc_handlers((guarded, health.handler()))
    names = (service.NAME, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    port = _listen(server, settings)
    await server.start()
    logger.info("listening for gRPC", extra={"host": settings.host, "port": port})
    return GrpcServer(server, health, port)


def _listen(server: grpc.aio.Server, settings: Settings) -> int:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        return server.add_insecure_port(f"{host}:{settings.grpc_port}")
    except RuntimeError as error:
        raise ConfigurationError(f"cannot listen for gRPC on {host}:{settings.grpc_port}: {error}") from None
