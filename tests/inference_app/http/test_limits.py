"""A real process with small limits: what clients get that ask too much of it."""

import asyncio
import json
from collections.abc import Callable, Generator
from typing import Any

import httpx
import pytest

from inference_app.process import ServerProcess
from tests.inference_app.http.wire import HEALTH, MUCH, Wire, chunked, post

pytestmark = pytest.mark.slow
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def wire(strict_process: ServerProcess) -> Generator[Wire]:
    """A bare connection to the strict server."""
    with Wire(strict_process.url()) as wire:
        yield wire


def until(condition: Callable[[], bool]) -> None:
    """Each look is a request of its own; pytest's timeout ends a condition that never comes."""
    while not condition():
        pass


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


def test_a_declared_length_is_refused_before_the_body_comes(wire: Wire) -> None:
    wire.send(post("/predict", b"").replace(b"Length: 0", b"Length: 1000000000000"))
    assert wire.answer().status == 413


def test_a_refused_body_cannot_go_on_for_ever(wire: Wire) -> None:
    wire.send(chunked("/predict", b""))
    assert wire.sent_until_closed(b"8000\r\n" + b" " * 0x8000 + b"\r\n") < MUCH


def test_headers_of_any_size_are_not_collected(wire: Wire) -> None:
    wire.send(HEALTH[:-2])
    assert wire.sent_until_closed(b"X-Filler: " + b"x" * 10_000 + b"\r\n") < MUCH


@pytest.mark.parametrize(("part", "what"), [(HEALTH[:-2], "headers"), (post("/predict", b"[1]")[:-1], "body")])
def test_what_never_ends_is_408(wire: Wire, part: bytes, what: str) -> None:
    answer = wire.send(part).last()
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert answer.body.decode() == f'{{"error":"the {what} did not arrive within 0.5 s"}}'


def test_a_connection_that_says_nothing_is_closed_and_one_between_requests_is_left_alone(
    wire: Wire, strict_process: ServerProcess
) -> None:
    assert wire.send(HEALTH).answer().status == 200
    with Wire(strict_process.url()) as silent:
        assert silent.rest() == b""  # by now the read timeout has passed
    assert wire.send(HEALTH).answer().status == 200


def test_an_image_that_declares_a_huge_size_is_413(strict: httpx.Client, bomb: Callable[[int, int], bytes]) -> None:
    response = strict.post("/predict", content=bomb(50_000, 50_000), headers={"Content-Type": "image/png"})
    assert response.status_code == 413
    assert "50000x50000" in response.json()["error"]


def test_when_a_client_leaves_its_request_never_reaches_the_model(
    strict: httpx.Client, wire: Wire, example: list[Any], metric: Callable[..., float]
) -> None:
    before = metric(strict, "inference_batch_size_sum")
    wire.send(post("/predict", json.dumps(example).encode()))
    until(lambda: metric(strict, "inference_queue_size") == 1)
    wire.socket.close()
    until(lambda: metric(strict, "inference_queue_size") == 0)
    until(lambda: metric(strict, "inference_requests_total", code="499") >= 1)
    assert metric(strict, "inference_batch_size_sum") == before


def test_a_client_that_sends_no_more_gets_its_answer(wire: Wire, example: list[Any]) -> None:
    wire.send(post("/predict", json.dumps(example).encode())).end()
    assert [answer.status for answer in wire.all()][-1] == 200


def test_a_request_whose_deadline_passes_is_504_and_never_reaches_the_model(
    strict: httpx.Client, example: list[Any], metric: Callable[..., float]
) -> None:
    before = metric(strict, "inference_batch_size_sum")
    response = strict.post("/predict", content=json.dumps(example), headers={**JSON, "timeout": "0.1"})
    error = "the model had no time for this request before its deadline"
    assert (response.status_code, response.json()) == (504, {"error": error})
    assert metric(strict, "inference_batch_size_sum") == before
