"""A real process with small limits: what clients get that ask too much of it."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from inference_app.process import ServerProcess

pytestmark = pytest.mark.slow
JSON = {"Content-Type": "application/json"}
HEAD = b"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"


MUCH = 100_000_000
"""More bytes than all socket buffers on the way hold."""


@pytest.fixture
def raw(strict: httpx.Client) -> Iterator[socket.socket]:
    """A bare connection to the strict server."""
    with socket.create_connection((strict.base_url.host, strict.base_url.port or 0), timeout=10) as connection:
        yield connection


def received(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def sent_until_closed(connection: socket.socket, data: bytes) -> int:
    """Bytes that could be sent before the server closed the connection; `MUCH` or more when it never did."""
    sent = 0
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while sent < MUCH:
            sent += connection.send(data)
    return sent


def send_for_ever(connection: socket.socket, data: bytes) -> None:
    while True:
        connection.sendall(data)


def answer_to(connection: socket.socket, request: bytes) -> bytes:
    """The answer whose body ends the JSON object that it is."""
    connection.sendall(request)
    answer = b""
    while not answer.endswith(b"}"):
        answer += connection.recv(65536)
    return answer


async def test_past_a_full_queue_requests_get_429_and_when_to_come_back(
    strict: httpx.Client, example: list[Any]
) -> None:
    async with httpx.AsyncClient(base_url=strict.base_url) as client:
        posts = [client.post("/predict", content=json.dumps(example), headers=JSON) for _ in range(12)]
        responses = await asyncio.gather(*posts)
    codes = [response.status_code for response in responses]
    assert set(codes) == {200, 429}
    assert codes.count(200) >= 2
    assert {response.headers.get("Retry-After") for response in responses if response.status_code == 429} == {"1"}


def test_more_examples_than_the_queue_holds_are_413(strict: httpx.Client, example: list[Any]) -> None:
    response = strict.post("/predict", content=json.dumps([example] * 3), headers=JSON)
    assert (response.status_code, response.json()) == (413, {"error": "a request may hold at most 2 examples, got 3"})


def test_a_large_body_is_413_and_the_client_can_read_it(strict: httpx.Client) -> None:
    response = strict.post("/predict", content=b" " * 5_000_000, headers=JSON)
    assert (response.status_code, response.json()) == (413, {"error": "the body may have at most 65536 bytes"})


def test_a_large_body_without_a_length_is_413(strict: httpx.Client) -> None:
    chunks = (b" " * 10_000 for _ in range(100))
    assert strict.post("/predict", content=chunks, headers=JSON).status_code == 413


def test_a_declared_length_is_refused_before_the_body_comes(raw: socket.socket) -> None:
    answer = answer_to(raw, HEAD + b"Content-Length: 1000000000000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_sends_a_refused_body_to_its_end_is_not_cut_off(raw: socket.socket) -> None:
    answer = answer_to(raw, HEAD + b"Content-Length: 5000000\r\n\r\n" + b" " * 5_000_000)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_refused_body_cannot_go_on_for_ever(raw: socket.socket) -> None:
    raw.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        send_for_ever(raw, b"8000\r\n" + b" " * 0x8000 + b"\r\n")


def test_a_body_that_never_ends_is_408(raw: socket.socket) -> None:
    raw.sendall(HEAD + b"Content-Length: 100\r\n\r\n[1, 2")
    answer = received(raw)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()


def test_headers_that_never_end_close_the_connection(raw: socket.socket) -> None:
    raw.sendall(HEAD)
    assert received(raw) == b""


def test_a_connection_that_says_nothing_is_closed(raw: socket.socket) -> None:
    assert received(raw) == b""


def test_headers_of_any_size_are_not_collected(server: httpx.Client) -> None:
    with socket.create_connection((server.base_url.host, server.base_url.port or 0), timeout=10) as patient:
        patient.sendall(HEAD)
        assert sent_until_closed(patient, b"X-Filler: " + b"x" * 10_000 + b"\r\n") < MUCH


def test_a_client_between_requests_is_left_alone(strict: httpx.Client, raw: socket.socket) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n"
    first = answer_to(raw, request)
    with socket.create_connection((strict.base_url.host, strict.base_url.port or 0), timeout=10) as silent:
        assert received(silent) == b""  # by now the read timeout has passed
    assert answer_to(raw, request).startswith(b"HTTP/1.1 200 ")
    assert first.startswith(b"HTTP/1.1 200 ")


def test_an_image_that_declares_a_huge_size_is_413(strict: httpx.Client, bomb: Callable[[int, int], bytes]) -> None:
    response = strict.post("/predict", content=bomb(50_000, 50_000), headers={"Content-Type": "image/png"})
    assert response.status_code == 413
    assert "50000x50000" in response.json()["error"]


def test_when_a_client_leaves_its_request_never_reaches_the_model(
    strict: httpx.Client, raw: socket.socket, example: list[Any], metric: Callable[..., float]
) -> None:
    before = metric(strict, "inference_batch_size_sum")
    body = json.dumps(example).encode()
    raw.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    until(lambda: metric(strict, "inference_queue_size") == 1)
    raw.close()
    until(lambda: metric(strict, "inference_queue_size") == 0)
    until(lambda: metric(strict, "inference_requests_total", code="499") >= 1)
    assert metric(strict, "inference_batch_size_sum") == before


def until(condition: Callable[[], bool]) -> None:
    """Each look is a request of its own; pytest's timeout ends a condition that never comes."""
    while not condition():
        pass


def test_a_request_that_waits_too_long_for_the_model_is_504(example: list[Any]) -> None:
    environment = {"REQUEST_TIMEOUT_SECONDS": "0.2", "MAX_BATCH_DELAY_MS": "60000"}
    with ServerProcess(environment) as process, httpx.Client(base_url=process.url()) as client:
        process.until("ready")
        response = client.post("/predict", content=json.dumps(example), headers=JSON)
    assert (response.status_code, response.json()) == (504, {"error": "waited 0.2 s for the model"})
