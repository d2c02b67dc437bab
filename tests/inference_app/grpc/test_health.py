import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from inference_app.grpc import service
from tests.inference_app.grpc.client import Code, Connect

Status = HealthCheckResponse.ServingStatus


@pytest.mark.parametrize("name", ["", service.NAME, "digits"])
async def test_the_server_and_each_model_are_healthy_when_ready(connect: Connect, name: str) -> None:
    request = HealthCheckRequest(service=name)
    async with connect(load=False) as client:
        health: Any = HealthStub(cast("grpc.Channel", client.channel))
        assert (await health.Check(request)).status == Status.NOT_SERVING
        await client.models.start()
        assert (await health.Check(request)).status == Status.SERVING
        client.models.drain()
        assert (await health.Check(request)).status == Status.NOT_SERVING


async def test_the_health_of_another_name_is_not_found(connect: Connect, code: Code) -> None:
    async with connect() as client:
        health: Any = HealthStub(cast("grpc.Channel", client.channel))
        found, _ = await code(health.Check(HealthCheckRequest(service="cats")))
        assert found is grpc.StatusCode.NOT_FOUND


async def test_a_watcher_sees_every_change_and_is_let_go_when_the_server_stops(connect: Connect) -> None:
    async with connect(load=False) as client:
        health: Any = HealthStub(cast("grpc.Channel", client.channel))
        watched: AsyncIterator[HealthCheckResponse] = aiter(health.Watch(HealthCheckRequest(service="digits")))
        seen = [(await anext(watched)).status]
        await client.models.start()
        seen.append((await anext(watched)).status)
        client.models.drain()
        seen.append((await anext(watched)).status)
        assert seen == [Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]
        async with asyncio.timeout(5):
            await client.server.stop(60)


async def test_a_watcher_of_an_unknown_name_is_told_so(connect: Connect) -> None:
    async with connect() as client:
        health: Any = HealthStub(cast("grpc.Channel", client.channel))
        watched: AsyncIterator[HealthCheckResponse] = aiter(health.Watch(HealthCheckRequest(service="cats")))
        assert (await anext(watched)).status == Status.SERVICE_UNKNOWN


async def test_reflection_lists_the_services_and_describes_them(connect: Connect) -> None:
    async with connect() as client:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("grpc.Channel", client.channel))
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=service.NAME),
        ]
        listed, described = [answer async for answer in stub.ServerReflectionInfo(iter(requests))]
        assert {entry.name for entry in listed.list_services_response.service} >= {
            service.NAME,
            "grpc.health.v1.Health",
        }
        assert described.file_descriptor_response.file_descriptor_proto
