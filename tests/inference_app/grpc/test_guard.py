"""API keys on a real gRPC server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from inference_app.grpc import open_inference_pb2 as pb
from inference_app.grpc import service
from tests.inference_app.grpc.client import Client, Code, Connect
from tests.inference_app.grpc.test_service import image

OLD, NEW = "the-old-key-0123456789", "the-new-key-0123456789"
KEYS = {"api_keys": f"{OLD},{NEW}"}
UNAUTHENTICATED = (
    grpc.StatusCode.UNAUTHENTICATED,
    "send one of the server's API_KEYS as Authorization: Bearer or as X-API-Key",
)


ADMITTED: list[Any] = [
    (("authorization", f"Bearer {OLD}"),),
    (("authorization", f"bearer {NEW}"),),
    (("x-api-key", OLD),),
    (("authorization", "Basic dXNlcg=="), ("x-api-key", NEW)),
]
REFUSED: list[Any] = [
    (),
    (("x-api-key", ""),),
    (("x-api-key", NEW[:-1]),),
    (("x-api-key", "k" * 6000),),
    (("x-api-key", OLD), ("x-api-key", NEW)),
    (("x-api-key", "wrong"), ("x-api-key", NEW)),
    (("authorization", OLD),),
    (("authorization", f"Bearer {OLD}"), ("authorization", f"Bearer {OLD}")),
    (("x-api-key-bin", NEW.encode()),),
]


async def test_a_call_with_a_key_is_answered(connect: Connect) -> None:
    async with connect(**KEYS) as client:
        for metadata in ADMITTED:
            response = await client.call("ModelInfer", image(), metadata=metadata)
            about = await client.call("ModelMetadata", pb.ModelMetadataRequest(name="digits"), metadata=metadata)
            assert (response.model_name, about.name) == ("digits", "digits"), metadata


async def test_a_call_without_one_is_refused_and_counted(connect: Connect, code: Code) -> None:
    async with connect(**KEYS) as client:
        for metadata in REFUSED:
            assert await code(client.call("ModelInfer", image(), metadata=metadata)) == UNAUTHENTICATED, metadata
            request = pb.ModelMetadataRequest(name="cats")
            assert await code(client.call("ModelMetadata", request, metadata=metadata)) == UNAUTHENTICATED, metadata
        assert [client.counted(name) for name in ("ModelInfer", "ModelMetadata")] == [{401: len(REFUSED)}] * 2


async def test_what_tells_how_the_server_is_needs_none(connect: Connect) -> None:
    async with connect(**KEYS) as client:
        assert (await client.call("ServerLive", pb.ServerLiveRequest())).live
        assert (await client.call("ServerReady", pb.ServerReadyRequest())).ready
        assert (await client.call("ModelReady", pb.ModelReadyRequest(name="digits"))).ready
        assert (await client.call("ServerMetadata", pb.ServerMetadataRequest())).name
        assert await is_serving(client)


async def is_serving(client: Client) -> bool:
    channel: Any = client.channel
    encode, decode = health_pb2.HealthCheckRequest.SerializeToString, health_pb2.HealthCheckResponse.FromString
    check = channel.unary_unary("/grpc.health.v1.Health/Check", encode, decode)
    return (await check(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.SERVING


async def test_a_key_opens_no_admin_call(connect: Connect, code: Code) -> None:
    async with connect(admin_token="an admin token", **KEYS) as client:
        request = pb.RepositoryIndexRequest()
        status, words = await code(client.call("RepositoryIndex", request, metadata=(("x-api-key", NEW),)))
        bearer = (("authorization", "Bearer an admin token"),)
        assert (await client.call("RepositoryIndex", request, metadata=bearer)).models
    assert (status, "ADMIN_TOKEN" in words) == (grpc.StatusCode.UNAUTHENTICATED, True)


async def test_a_call_is_refused_though_its_message_never_comes(connect: Connect, code: Code) -> None:
    async def silence() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async with connect(**KEYS) as client, asyncio.timeout(10):
        channel: Any = client.channel
        call = channel.stream_unary(f"/{service.NAME}/ModelInfer")(silence())
        assert await code(call) == UNAUTHENTICATED
