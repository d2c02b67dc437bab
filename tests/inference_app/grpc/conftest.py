"""A gRPC server in the test's own event loop, and calls to it."""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from inference_app.grpc import server
from inference_app.metrics import Metrics
from inference_app.models import Models
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from tests.inference_app.grpc.client import Client, Code, Connect


@pytest.fixture
def connect(digits: ModelVersion) -> Connect:
    """Starts a server for the shipped model with the given settings, ready unless `load` is False."""

    @asynccontextmanager
    async def start(*, load: bool = True, **settings: Any) -> AsyncGenerator[Client]:
        values = Settings(grpc_port=0, **settings)
        models = Models([digits], values, Metrics())
        if load:
            await models.start()
        listening = await server.serve(models, values)
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{listening.port}") as channel:
                yield Client(models, listening, channel)
        finally:
            await listening.stop(0)
            models.close()

    return start


@pytest.fixture
def code() -> Code:
    """The status code and the details of a call that fails."""

    async def fail(call: Awaitable[Any]) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        return raised.value.code(), raised.value.details() or ""

    return fail
