"""The standard health service, which kubelets and load balancers ask: grpc.health.v1.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
from collections.abc import AsyncIterator

import grpc
from grpc_health.v1.health_pb2 import DESCRIPTOR, HealthCheckRequest, HealthCheckResponse

from inference_app.errors import NotReady, UnknownModel
from inference_app.models import Models

SERVICE = DESCRIPTOR.services_by_name["Health"].full_name

WATCH_SECONDS = 0.5
"""How often a watched status is looked at."""

Status = HealthCheckResponse.ServingStatus
Context = grpc.aio.ServicerContext[HealthCheckRequest, HealthCheckResponse]


class Health:
    """Readiness under the names that a caller may ask for: none or the inference service's (the server), a model's."""

    def __init__(self, models: Models, service: str) -> None:
        self._models = models
        self._whole_server = ("", service)
        self._closed = False

    def close(self) -> None:
        """Let those who watch go."""
        self._closed = True

    async def check(self, request: HealthCheckRequest, context: Context) -> HealthCheckResponse:
        """The status now; NOT_FOUND for a name that is not served."""
        status = self._status(request.service)
        if status == Status.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"{request.service:.60} is not served here")
        return HealthCheckResponse(status=status)

    async def watch(self, request: HealthCheckRequest, context: Context) -> AsyncIterator[HealthCheckResponse]:  # noqa: ARG002
        """The status now and whenever it changes, until the caller leaves or the server stops."""
        last: Status | None = None
        while not self._closed:
            status = self._status(request.service)
            if status != last:
                yield HealthCheckResponse(status=status)
            last = status
            await asyncio.sleep(WATCH_SECONDS)

    def handler(self) -> grpc.GenericRpcHandler:
        """The service for a server."""
        decode, encode = HealthCheckRequest.FromString, HealthCheckResponse.SerializeToString
        methods = {
            "Check": grpc.unary_unary_rpc_method_handler(self.check, decode, encode),
            "Watch": grpc.unary_stream_rpc_method_handler(self.watch, decode, encode),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def _status(self, service: str) -> Status:
        try:
            if service in self._whole_server:
                self._models.require_ready()
            else:
                self._models.get(service).health.require_ready()
        except UnknownModel:
            return Status.SERVICE_UNKNOWN
        except NotReady:
            return Status.NOT_SERVING
        return Status.SERVING
