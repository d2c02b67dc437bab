"""What clients get that ask before they send, are slow, want too much or leave."""

import pytest

from inference_app.health import State
from inference_app.http import heads
from tests.inference_app.http.stage import Stage, on_stage
from tests.inference_app.http.wire import HEALTH, Wire, chunked, post

BODY = b"[1]"


def expecting(length: int, version: str = "1.1", path: str = "/predict") -> bytes:
    return post(path, BODY, "Expect: 100-continue", version=version).replace(b": 3", b": %d" % length)[: -len(BODY)]


@pytest.mark.parametrize(("path", "status"), [("/predict", 200), ("/elsewhere", 404)])
def test_a_client_that_asks_before_it_sends_is_told_to_go_on(wire: Wire, path: str, status: int) -> None:
    assert wire.send(expecting(3, path=path)).answer().status == 100
    assert wire.send(BODY).answer().status == status


def test_a_client_that_asks_before_it_sends_too_much_is_refused_at_once(wire: Wire) -> None:
    assert wire.send(expecting(5_000_000)).last().status == 413


def test_http_1_0_is_never_told_to_go_on(wire: Wire) -> None:
    assert wire.send(expecting(3, "1.0"), BODY).last().status == 200  # RFC 9110, section 10.1.1


@pytest.mark.parametrize(
    "request_bytes",
    [
        post("/predict", b" " * 5_000_000),
        post("/elsewhere", b" " * 5_000_000),
        chunked("/predict", (b"8000\r\n" + b" " * 0x8000 + b"\r\n") * 200),
    ],
    ids=["length", "length-elsewhere", "chunks"],
)
def test_a_client_that_sends_too_large_a_body_to_its_end_can_read_413(wire: Wire, request_bytes: bytes) -> None:
    answer = wire.send(request_bytes).answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert answer.body == b'{"error":"the body may have at most 1000000 bytes"}'


def test_short_pieces_of_a_body_do_not_cost_many_times_their_size(stage: Stage, wire: Wire) -> None:
    blanks = b"1\r\n \r\n" * 3000  # a bytes object is 33 bytes beside its content
    long = b"800\r\n" + b" " * 0x800 + b"\r\n"
    wire.send(chunked("/predict", b"2\r\n[1\r\n" + blanks + long + blanks))
    stage.until(lambda: any(vars(each)["_size"] == 2 + 0x800 + 6000 for each in stage.connections))
    assert stage.call(lambda: max(len(vars(each)["_pieces"]) for each in stage.connections)) < 10
    assert wire.send(b"1\r\n]\r\n0\r\n\r\n").answer().body == b"[2.0]"


def test_the_largest_body_allowed_is_read(wire: Wire) -> None:
    assert wire.send(post("/predict", b"[1]".ljust(1_000_000))).answer().status == 200


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"GET /health HTTP/1.1\r\nHost: test\r\n", b"X-Filler: " + b"x" * 10_000 + b"\r\n"),
        (b"GET /health HTTP/1.1\r\nHost: test\r\nX: ", b"x" * 10_000),
        (b"GET /", b"x" * 10_000),
        (chunked("/predict", b"1;"), b"x" * 10_000),
        (chunked("/predict", b"0\r\nX: "), b"x" * 10_000),
        (chunked("/predict", b"0\r\n"), b"X: " + b"x" * 10_000 + b"\r\n"),
    ],
    ids=["headers", "one-header", "target", "chunk-extension", "trailer", "trailers"],
)
def test_what_is_no_body_cannot_go_on_for_ever(stage: Stage, first: bytes, more: bytes) -> None:
    with stage.open() as wire:
        wire.send(first, *[more] * 10)
        answer = wire.answer()
        stage.tick(later=31)
        assert wire.rest() == b""
    assert answer.status == 431


@pytest.mark.parametrize("line", [b"X: y\r\n", b"X%d: y\r\n"], ids=["repeated", "different"])
def test_large_headers_in_one_piece_are_431(wire: Wire, line: bytes) -> None:
    lines = b"".join(line % number if b"%" in line else line for number in range(12_000))
    assert wire.send(b"GET /health HTTP/1.1\r\nHost: test\r\n" + lines + b"\r\n").answer().status == 431


def test_large_bodies_before_them_do_not_make_headers_too_large(wire: Wire) -> None:
    body = b"[1]".ljust(heads.MAX_BYTES)
    requests = post("/predict", body) * 4
    wire.send(requests + HEALTH[:20])
    assert {answer.status for answer in wire.answers(4)} == {200}
    assert wire.send(HEALTH[20:]).answer().status == 200


@pytest.mark.parametrize(
    ("piece", "what"),
    [
        (b"GET /hea", b"headers"),
        (HEALTH[:-2], b"headers"),
        (post("/predict", b"[1]")[:-1], b"body"),
        (b"1\r\n[", b"body"),
    ],
    ids=["target", "headers", "body", "chunks"],
)
def test_a_request_that_does_not_go_on_is_408(stage: Stage, wire: Wire, piece: bytes, what: bytes) -> None:
    piece = chunked("/predict", piece) if piece == b"1\r\n[" else piece
    wire.send(HEALTH).answer()
    wire.send(piece)
    stage.until(lambda: any(connection.phase.name == what.decode().upper() for connection in stage.connections))
    stage.tick(later=29)
    stage.tick(later=31)
    answer = wire.last()
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert what in answer.body


def test_a_client_that_never_starts_is_left(stage: Stage, wire: Wire) -> None:
    # Its own connection: one of an earlier test may be there still, and this one not yet.
    stage.until(lambda: wire.socket.getsockname() in [connection.client for connection in stage.connections])
    stage.tick(later=31)
    assert wire.rest() == b""


def test_a_client_between_requests_is_left_alone_for_75_seconds(stage: Stage, wire: Wire) -> None:
    assert wire.send(HEALTH).answer().status == 200
    stage.tick(later=70)
    assert wire.send(HEALTH).answer().status == 200
    stage.tick(later=76)
    assert wire.rest() == b""


def test_a_request_that_could_not_be_read_because_another_was_answered_is_not_late() -> None:
    with on_stage() as stage, stage.open() as wire:
        with stage.busy_model():
            wire.send(post("/predict", b"[1]") + post("/predict", b"[2]")[:-1])
            stage.until(lambda: any(connection.pipeline for connection in stage.connections))
            stage.tick(later=31)
        first = wire.answer()
        second = wire.send(b"]").answer()
    assert (first.body, second.body) == (b"[2.0]", b"[4.0]")


@pytest.mark.parametrize("path", ["/predict", "/elsewhere"])
def test_a_pipelined_request_that_is_refused_gets_its_answer_behind_the_others(path: str) -> None:
    with on_stage() as stage, stage.open() as wire:
        with stage.busy_model():
            wire.send(post("/predict", b"[1]") + chunked(path, b"3\r\n[1]\r\n"), b"nonsense\r\n")
            stage.until(lambda: any(connection.pipeline for connection in stage.connections))
        answers = [answer.status for answer in wire.all()]
    assert answers == [200, 400]


def test_bodies_that_are_held_at_the_same_time_have_a_limit() -> None:
    half = post("/predict", b"[1]".ljust(900_000))[:-1000]
    with (
        on_stage(max_buffered=2_000_000) as stage,
        stage.open() as first,
        stage.open() as second,
        stage.open() as third,
    ):
        for wire in (first, second):
            wire.send(half)
        stage.until(lambda: stage.lane.buffered > 1_500_000)
        refusal = third.send(half).answer()
        small = third if refusal.status == 200 else stage.open()
        with small:
            assert small.send(post("/predict", b"[1]")).answer().status == 200
        answers = [wire.send(b" " * 1000).answer().status for wire in (first, second)]
        stage.until(lambda: stage.lane.buffered == 0)
    assert (refusal.status, refusal.headers["retry-after"]) == (503, "1")
    assert answers == [200, 200]


def test_a_client_that_leaves_within_a_body_is_counted_and_forgotten() -> None:
    with on_stage(threads=0) as stage:
        with stage.open() as wire:
            wire.send(post("/predict", b"[1]".ljust(500_000))[:-1000])
            stage.until(lambda: stage.lane.buffered > 100_000)
        stage.until(lambda: not stage.connections)
        assert stage.call(lambda: (stage.lane.buffered, stage.metrics.in_flight)) == (0, 0)
        assert stage.codes() == {499: 1}
        assert stage.model.batches == []


def test_what_could_not_be_read_is_counted() -> None:
    with on_stage(threads=0) as stage, stage.open() as wire:
        wire.send(b"nonsense\r\n\r\n").last()
        assert stage.codes("unread") == {400: 1}
        assert stage.call(lambda: stage.metrics.in_flight) == 0


def test_a_model_that_is_not_ready_is_503_with_its_reason(wire: Wire, stage: Stage) -> None:
    stage.call(lambda: stage.service.health.become(State.FAILING, "it sleeps"))
    answer = wire.send(post("/predict", BODY)).answer()
    stage.call(lambda: stage.service.health.become(State.READY))
    assert (answer.status, answer.headers["retry-after"], answer.body) == (503, "1", b'{"error":"it sleeps"}')


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon", ""])
def test_a_deadline_that_is_no_number_of_seconds_is_400(wire: Wire, seconds: str) -> None:
    assert wire.send(post("/predict", BODY, f"timeout: {seconds}")).answer().status == 400
