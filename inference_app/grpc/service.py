"""The Open Inference Protocol's gRPC service: each call's own work."""

import asyncio
import time
from typing import Any, cast

import grpc

from inference_app import admin_token
from inference_app.errors import NotReady
from inference_app.grpc import messages
from inference_app.grpc import open_inference_pb2 as pb
from inference_app.health import State
from inference_app.models import Models
from inference_app.protocols import open_inference
from inference_app.served_model import ServedModel
from inference_app.settings import Settings
from inference_app.trace import current

NAME = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name

QUICK_BYTES = 64 * 1024
"""Messages up to this size are read on the event loop; more would keep other requests waiting for milliseconds."""

Context = grpc.aio.ServicerContext[Any, Any]


class InferenceService:
    """One method per call; what goes wrong is raised as the errors that HTTP's routes raise."""

    def __init__(self, models: Models, settings: Settings) -> None:
        self._models = models
        self._settings = settings

    async def server_live(self, _: pb.ServerLiveRequest, __: Context) -> pb.ServerLiveResponse:
        """False where only a restart helps."""
        try:
            self._models.require_live()
        except NotReady:
            return pb.ServerLiveResponse(live=False)
        return pb.ServerLiveResponse(live=True)

    async def server_ready(self, _: pb.ServerReadyRequest, __: Context) -> pb.ServerReadyResponse:
        """Whether every model is ready."""
        try:
            self._models.require_ready()
        except NotReady:
            return pb.ServerReadyResponse(ready=False)
        return pb.ServerReadyResponse(ready=True)

    async def model_ready(self, request: pb.ModelReadyRequest, _: Context) -> pb.ModelReadyResponse:
        """Whether a model is ready; raises `UnknownModel`."""
        return pb.ModelReadyResponse(ready=self._model(request.name, request.version).health.is_ready)

    async def server_metadata(self, _: pb.ServerMetadataRequest, __: Context) -> pb.ServerMetadataResponse:
        """What the server is."""
        return pb.ServerMetadataResponse(**open_inference.server_metadata())

    async def model_metadata(self, request: pb.ModelMetadataRequest, _: Context) -> pb.ModelMetadataResponse:
        """A model's inputs and outputs; raises `UnknownModel`."""
        metadata = self._model(request.name, request.version).metadata
        return pb.ModelMetadataResponse(**open_inference.model_metadata(metadata))

    async def model_infer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:
        """Infer by the caller's deadline; a caller that leaves takes along what has not reached the model."""
        remaining = time_remaining(context)
        deadline = None if remaining is None else time.perf_counter() + remaining
        model = self._model(request.model_name, request.model_version)
        requested = messages.requested_outputs(request, model.metadata)
        serving = model.enter()  # before anything takes time: a model that is exchanged waits for who has entered
        try:
            if request.ByteSize() <= QUICK_BYTES:
                inputs = messages.read_inputs(request, model.metadata)
            else:
                inputs = await asyncio.to_thread(messages.read_inputs, request, model.metadata)
            if (trace := current.get()) is not None:
                trace.parsed_at = time.perf_counter()
            outputs = await serving.batcher.infer(inputs, deadline)
        finally:
            serving.leave()
        return messages.answer(request, requested, outputs, model.metadata)

    async def repository_index(
        self, request: pb.RepositoryIndexRequest, context: Context
    ) -> pb.RepositoryIndexResponse:
        """Every model with its state, or those that are ready; needs the token."""
        self._check_token(context)
        entries = [
            {"name": entry.name, "version": entry.version, "state": entry.state, "reason": entry.reason}
            for entry in self._models.index()
            if entry.state is State.READY or not request.ready
        ]
        return pb.RepositoryIndexResponse(models=entries)

    async def repository_load(
        self, request: pb.RepositoryModelLoadRequest, context: Context
    ) -> pb.RepositoryModelLoadResponse:
        """Load a model, or exchange the one in service for what the repository now holds; needs the token."""
        self._check_token(context)
        await self._models.load(request.model_name)
        return pb.RepositoryModelLoadResponse()

    async def repository_unload(
        self, request: pb.RepositoryModelUnloadRequest, context: Context
    ) -> pb.RepositoryModelUnloadResponse:
        """Take a model out of service once its requests are answered; needs the token."""
        self._check_token(context)
        await self._models.unload(request.model_name)
        return pb.RepositoryModelUnloadResponse()

    def _model(self, name: str, version: str) -> ServedModel:
        return self._models.get(name, version or None)

    def _check_token(self, context: Context) -> None:
        given = dict(context.invocation_metadata() or ()).get("authorization", "")
        admin_token.check(self._settings, given if isinstance(given, bytes) else given.encode())


def time_remaining(context: Context) -> float | None:
    """Seconds until the caller's deadline; None where it has none, which the type stubs do not know."""
    return cast("float | None", context.time_remaining())
