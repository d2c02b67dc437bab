import asyncio
import threading
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest

from inference_app.errors import ConfigurationError
from inference_app.grpc import messages, server
from inference_app.grpc import open_inference_pb2 as pb
from inference_app.metrics import Metrics
from inference_app.models import Models
from inference_app.settings import Settings
from tests.inference_app.grpc.client import Client, Code, Connect

SLOW = {"max_batch_delay_ms": 60_000, "max_queue_size": 2, "max_batch_size": 4}
"""The model waits for a fuller batch for longer than any test, so that what is queued stays there."""


def image(rows: int = 1, **members: Any) -> pb.ModelInferRequest:
    zeros = np.zeros((rows, 8, 8, 1), np.float32)
    tensor = {"name": "image", "datatype": "FP32", "shape": zeros.shape}
    values: dict[str, Any] = {"model_name": "digits", "inputs": [tensor], "raw_input_contents": [zeros.tobytes()]}
    return pb.ModelInferRequest(**{**values, **members})


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the server does in its own time."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the server says nothing to wait for
            await asyncio.sleep(0.005)


def queued(client: Client) -> int:
    return client.models.get("digits").metrics.queue_size()


async def test_an_inference_is_answered_and_counted(connect: Connect) -> None:
    async with connect() as client:
        response = await client.call("ModelInfer", image(2, id="42"))
        assert (response.model_name, response.model_version, response.id) == ("digits", "1", "42")
        assert response.outputs[0].shape == [2, 10]
        assert len(response.raw_output_contents[0]) == 80
        assert client.counted("ModelInfer") == {200: 1}
        assert client.models.metrics.in_flight == 0


async def test_what_reaches_a_model_is_counted_by_its_version(connect: Connect, code: Code) -> None:
    async with connect() as client:
        begun = list(client.models.get("digits").metrics.routes)
        await client.call("ModelInfer", image())
        await code(client.call("ModelInfer", image(inputs=[])))
        for stranger in (image(model_name="none"), image(model_version="9")):
            await code(client.call("ModelInfer", stranger))
        counted = client.models.get("digits").metrics.routes["grpc/ModelInfer"].codes
        assert begun == ["grpc/ModelInfer"]
        assert (counted, client.models.metrics.routes["grpc/ModelInfer"].codes) == ({200: 1, 400: 1}, {404: 2})


async def test_a_large_message_is_read_beside_the_event_loop(connect: Connect) -> None:
    zeros = [0.0] * (500 * 64)
    tensor = {"name": "image", "datatype": "FP32", "shape": [500, 8, 8, 1], "contents": {"fp32_contents": zeros}}
    async with connect() as client:
        response = await client.call("ModelInfer", pb.ModelInferRequest(model_name="digits", inputs=[tensor]))
        assert response.outputs[0].shape == [500, 10]
        assert len(response.outputs[0].contents.fp32_contents) == 5000


async def test_a_message_that_is_being_read_is_answered_by_the_version_it_reached(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, reading, go_on = messages.read_inputs, threading.Event(), threading.Event()

    def slowly(*arguments: Any) -> Any:
        reading.set()
        go_on.wait(10)
        return read(*arguments)

    monkeypatch.setattr(messages, "read_inputs", slowly)
    async with connect() as client:
        call = asyncio.ensure_future(client.call("ModelInfer", image(500)))
        await asyncio.to_thread(reading.wait, 10)
        old = client.models.get("digits")
        loading = asyncio.create_task(client.models.load("digits"))
        await until(lambda: client.models.get("digits") is not old)
        go_on.set()
        assert (await call).outputs[0].shape == [500, 10]
        await loading


async def test_metadata_and_readiness_are_told(connect: Connect) -> None:
    async with connect() as client:
        about_server = await client.call("ServerMetadata", pb.ServerMetadataRequest())
        assert about_server.name == "inference-platform"
        assert "model_repository" in about_server.extensions
        about_model = await client.call("ModelMetadata", pb.ModelMetadataRequest(name="digits", version="1"))
        assert about_model.inputs[0].shape == [-1, 8, 8, 1]
        assert (await client.call("ServerLive", pb.ServerLiveRequest())).live
        assert (await client.call("ServerReady", pb.ServerReadyRequest())).ready
        assert (await client.call("ModelReady", pb.ModelReadyRequest(name="digits"))).ready


async def test_a_server_without_its_model_is_live_and_not_ready(connect: Connect, code: Code) -> None:
    async with connect(load=False) as client:
        assert (await client.call("ServerLive", pb.ServerLiveRequest())).live
        assert not (await client.call("ServerReady", pb.ServerReadyRequest())).ready
        assert not (await client.call("ModelReady", pb.ModelReadyRequest(name="digits"))).ready
        assert await code(client.call("ModelInfer", image())) == (
            grpc.StatusCode.UNAVAILABLE,
            "the model is loading",
        )


@pytest.mark.parametrize(
    ("request_", "expected", "part"),
    [
        (image(model_name="cats"), grpc.StatusCode.NOT_FOUND, "model cats is not served here"),
        (image(model_version="9"), grpc.StatusCode.NOT_FOUND, "version 9 of digits"),
        (image(raw_input_contents=[b""]), grpc.StatusCode.INVALID_ARGUMENT, "takes 256 bytes, got 0"),
        (image(outputs=[{"name": "logits"}]), grpc.StatusCode.INVALID_ARGUMENT, "unknown output logits"),
        (image(600), grpc.StatusCode.INVALID_ARGUMENT, "at most 512 examples"),
    ],
)
async def test_a_wrong_request_gets_the_protocols_code_and_the_reason(
    connect: Connect, code: Code, request_: pb.ModelInferRequest, expected: grpc.StatusCode, part: str
) -> None:
    async with connect() as client:
        actual, details = await code(client.call("ModelInfer", request_))
        assert actual is expected
        assert part in details
        assert 200 not in client.counted("ModelInfer")


async def test_bytes_that_are_no_message_are_the_callers_fault(connect: Connect, code: Code) -> None:
    async with connect() as client:
        assert (await code(client.send("ModelInfer", b"\xff\xff\xff")))[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_message_over_the_limit_is_refused(connect: Connect, code: Code) -> None:
    async with connect(max_body_bytes=10_000) as client:
        assert (await client.call("ModelInfer", image(30))).outputs
        assert (await code(client.call("ModelInfer", image(60))))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_deadline_drops_what_still_waits_for_the_model(connect: Connect, code: Code) -> None:
    async with connect(**SLOW) as client:
        assert (await code(client.call("ModelInfer", image(), timeout=0.2)))[0] is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: queued(client) == 0)
        await until(lambda: client.counted("ModelInfer") == {504: 1})
        assert sum(client.models.get("digits").metrics.batch_size.counts) == 0


async def test_the_servers_own_limit_needs_no_deadline_of_the_caller(connect: Connect, code: Code) -> None:
    async with connect(**SLOW, request_timeout_seconds=0.2, execution="threads") as client:
        assert (await code(client.call("ModelInfer", image())))[0] is grpc.StatusCode.DEADLINE_EXCEEDED
        assert client.counted("ModelInfer") == {504: 1}


async def test_a_caller_that_leaves_takes_its_request_along(connect: Connect) -> None:
    async with connect(**SLOW) as client:
        call = client.call("ModelInfer", image(2))
        await until(lambda: queued(client) == 2)
        call.cancel()
        await until(lambda: queued(client) == 0)
        await until(lambda: client.counted("ModelInfer") == {499: 1})
        assert client.models.metrics.in_flight == 0


async def test_a_full_queue_asks_to_come_again(connect: Connect, code: Code) -> None:
    async with connect(**SLOW) as client:
        waiting = client.call("ModelInfer", image(2))
        await until(lambda: queued(client) == 2)
        assert (await code(client.call("ModelInfer", image())))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        waiting.cancel()


async def test_messages_beyond_what_may_be_held_are_refused(connect: Connect, code: Code) -> None:
    async with connect(**SLOW, max_buffered_bytes=800) as client:
        waiting = client.call("ModelInfer", image(2))
        await until(lambda: queued(client) == 2)
        refused, details = await code(client.call("ModelInfer", image(2)))
        assert refused is grpc.StatusCode.UNAVAILABLE
        assert "bytes of unanswered requests are held" in details
        waiting.cancel()
        await until(lambda: queued(client) == 0)
        assert (await client.call("ServerLive", pb.ServerLiveRequest())).live


TOKEN = (("authorization", "Bearer secret"),)
LOAD = pb.RepositoryModelLoadRequest(model_name="digits")


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("RepositoryIndex", pb.RepositoryIndexRequest()),
        ("RepositoryModelLoad", LOAD),
        ("RepositoryModelUnload", pb.RepositoryModelUnloadRequest(model_name="digits")),
    ],
)
async def test_calls_on_the_repository_need_the_token(
    connect: Connect, code: Code, method: str, request_: pb.RepositoryModelLoadRequest
) -> None:
    async with connect() as client:
        assert (await code(client.call(method, request_, metadata=TOKEN)))[0] is grpc.StatusCode.PERMISSION_DENIED
    async with connect(admin_token="secret") as client:
        for given in ((), (("authorization", "Bearer secre"),), (("authorization", "secret"),)):
            found, _ = await code(client.call(method, request_, metadata=given))
            assert found is grpc.StatusCode.UNAUTHENTICATED
        assert await client.call(method, request_, metadata=TOKEN) is not None


async def test_a_model_can_be_unloaded_and_loaded_again(connect: Connect, code: Code) -> None:
    async with connect(admin_token="secret") as client:
        unload = pb.RepositoryModelUnloadRequest(model_name="digits")
        await client.call("RepositoryModelUnload", unload, metadata=TOKEN)
        assert (await code(client.call("ModelInfer", image())))[0] is grpc.StatusCode.NOT_FOUND
        assert not (await client.call("RepositoryIndex", pb.RepositoryIndexRequest(), metadata=TOKEN)).models
        await client.call("RepositoryModelLoad", LOAD, metadata=TOKEN)
        index = await client.call("RepositoryIndex", pb.RepositoryIndexRequest(ready=True), metadata=TOKEN)
        assert [(model.name, model.version, model.state) for model in index.models] == [("digits", "1", "READY")]
        assert (await client.call("ModelInfer", image())).outputs


async def test_a_model_that_the_repository_lacks_is_not_found(connect: Connect, code: Code) -> None:
    async with connect(admin_token="secret") as client:
        call = client.call("RepositoryModelLoad", pb.RepositoryModelLoadRequest(model_name="cats"), metadata=TOKEN)
        assert (await code(call))[0] is grpc.StatusCode.NOT_FOUND


async def test_a_port_that_is_taken_is_named(connect: Connect) -> None:
    async with connect() as client:
        settings = Settings(grpc_port=client.server.port)
        with pytest.raises(ConfigurationError, match=f"cannot listen for gRPC on .*:{client.server.port}"):
            await server.serve(Models([], settings, Metrics()), settings)


async def test_calls_in_flight_are_answered_while_the_server_stops(connect: Connect) -> None:
    async with connect(max_batch_delay_ms=300, max_batch_size=4) as client:
        call = client.call("ModelInfer", image())
        await until(lambda: queued(client) == 1)
        await client.server.stop(10)
        assert (await call).outputs
