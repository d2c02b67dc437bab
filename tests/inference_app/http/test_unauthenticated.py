"""A request without a key: when it is answered, what is read of it, and what becomes of its connection."""

from collections.abc import Generator

import pytest

from inference_app.api_keys import ApiKeys
from inference_app.http.heads import IGNORED_BYTES
from tests.inference_app.http.stage import Stage, on_stage
from tests.inference_app.http.wire import HEALTH, Wire, chunked, post

KEY = "0123456789abcdef"
RIGHT, WRONG = f"X-API-Key: {KEY}", f"X-API-Key: {KEY[::-1]}"
BODY = b"[1]"
ERROR = b'{"error":"send one of the server\'s API_KEYS as Authorization: Bearer or as X-API-Key"}'


@pytest.fixture
def stage() -> Generator[Stage]:
    """A server with a key, whose application and model remember what reached them."""
    with on_stage(threads=0, keys=ApiKeys([KEY])) as stage:
        yield stage


def begun(length: int, *headers: str, path: str = "/predict") -> bytes:
    """The head of a request that announces a body."""
    return post(path, b"", *headers).replace(b"Content-Length: 0", b"Content-Length: %d" % length)


@pytest.mark.parametrize("headers", [[], [WRONG], ["X-API-Key:"], ["Authorization: Bearer"], [RIGHT, RIGHT]])
def test_it_gets_401_and_the_connection_goes_on(stage: Stage, wire: Wire, headers: list[str]) -> None:
    answers = wire.send(post("/predict", BODY, *headers) + post("/predict", BODY, RIGHT)).answers(2)
    assert [answer.status for answer in answers] == [401, 200]
    assert (answers[0].body, answers[0].headers["www-authenticate"]) == (ERROR, "Bearer")
    assert "connection" not in answers[0].headers
    assert (stage.model.batches, stage.codes()) == ([[1.0]], {401: 1, 200: 1})
    assert stage.call(lambda: stage.metrics.in_flight) == 0


@pytest.mark.parametrize(
    "path",
    [
        "/predict",
        "/predict/doubler",
        "/%70redict?x=1",
        "/v2/models/doubler/infer",
        "/v2/models/doubler/versions/1/infer",
        "/invocations",
        "/models/doubler/invoke",
    ],
)
def test_no_way_to_the_model_is_open(stage: Stage, wire: Wire, path: str) -> None:
    refused = wire.send(post(path, BODY)).answer().status
    assert (refused, wire.send(post(path, BODY, RIGHT)).answer().status) == (401, 200)
    assert stage.model.batches == [[1.0]]
    assert stage.asked == []


def test_it_is_answered_before_its_body_comes(wire: Wire) -> None:
    early = wire.send(begun(3)).answer()
    late = wire.send(BODY[:1], BODY[1:] + post("/predict", BODY, RIGHT)).answer()
    assert (early.status, late.status) == (401, 200)


def test_a_short_body_is_read_for_nothing(stage: Stage, wire: Wire) -> None:
    body = BODY.ljust(IGNORED_BYTES)
    wire.send(begun(len(body)))
    assert wire.answer().status == 401
    wire.send(body[:1000])
    stage.until(lambda: stage.lane.buffered == 0)
    assert wire.send(body[1000:] + HEALTH).answer().status == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        begun(IGNORED_BYTES + 1),
        begun(5_000_000),
        chunked("/predict", b"3\r\n[1]\r\n"),
        begun(3, "Expect: 100-continue"),
        begun(3, "Connection: close"),
    ],
    ids=["long", "too-long", "chunks", "expect", "close"],
)
def test_behind_a_body_that_is_long_or_uncertain_the_connection_ends(wire: Wire, request_bytes: bytes) -> None:
    answer = wire.send(request_bytes).last()
    assert (answer.status, answer.headers["connection"]) == (401, "close")


def test_a_client_that_sends_a_huge_body_to_its_end_can_read_401_and_nothing_is_kept(stage: Stage, wire: Wire) -> None:
    wire.send(begun(50_000_000))
    answer = wire.answer()
    sent = [wire.send(b" " * 1_000_000) for _ in range(50)]
    assert (answer.status, len(sent)) == (401, 50)
    kept = stage.call(lambda: [len(vars(connection)["_pieces"]) for connection in stage.connections])
    assert kept == [0]
    assert stage.call(lambda: stage.lane.buffered) == 0


def test_pipelined_it_waits_for_the_answers_before_it() -> None:
    with on_stage(keys=ApiKeys([KEY])) as stage, stage.open() as wire:
        stage.model.gate.clear()
        wire.send(post("/predict", b"[1]", RIGHT) + post("/predict", b"[2]") + post("/predict", b"[3]", RIGHT))
        stage.until(lambda: any(connection.pipeline for connection in stage.connections))
        stage.model.gate.set()
        answers = wire.answers(3)
    assert [answer.body for answer in answers] == [b"[2.0]", ERROR, b"[6.0]"]
    assert [batch for batch in stage.model.batches if 2.0 in batch] == []


def test_pipelined_with_a_long_body_it_waits_too_and_ends_the_connection() -> None:
    with on_stage(keys=ApiKeys([KEY])) as stage, stage.open() as wire:
        stage.model.gate.clear()
        wire.send(post("/predict", b"[1]", RIGHT) + begun(900_000), b" " * 1000)
        stage.until(lambda: any(connection.pipeline for connection in stage.connections))
        stage.model.gate.set()
        answers = [answer.status for answer in wire.all()]
        assert stage.call(lambda: stage.lane.buffered) == 0
    assert answers == [200, 401]


def test_a_body_that_never_comes_whole_is_not_waited_for(stage: Stage, wire: Wire) -> None:
    assert wire.send(begun(1000), b" ").answer().status == 401
    stage.until(lambda: any(connection.phase.name == "BODY" for connection in stage.connections))
    stage.tick(later=31)
    assert wire.rest() == b""


def test_a_thousand_refusals_in_one_piece_are_answered_in_order(wire: Wire) -> None:
    wire.send(post("/predict", BODY) * 1000 + HEALTH)
    assert [answer.status for answer in wire.answers(1001)] == [401] * 1000 + [200]


def test_the_largest_headers_are_refused_as_ever(wire: Wire) -> None:
    assert wire.send(post("/predict", BODY, f"X-API-Key: {'x' * 70_000}")).answer().status == 431
