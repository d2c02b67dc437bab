"""Requests whose head came before are answered without parsing it again, and exactly as if it had been parsed."""

import random
import re
import time
from collections.abc import Callable

import pytest

from inference_app.api_keys import ApiKeys
from inference_app.http import known_heads
from inference_app.http.connection import NEW_HEADS
from inference_app.http.exchange import CONTINUE
from inference_app.http.known_heads import KnownHead, KnownHeads
from tests.inference_app.http.stage import Stage, on_stage
from tests.inference_app.http.test_fuzz import mutilated
from tests.inference_app.http.wire import Wire, post

CUT_SHORT = re.compile(rb'HTTP/1.1 400 [^{]*{"error":"the request ended before it was complete"}')
ASK = post("/predict", b"[1]")
KEY = "a-key-of-the-server"
STREAMS = 300


class Watched(KnownHeads):
    """Counts what was found."""

    def __init__(self, *, may_learn: bool = True) -> None:
        super().__init__()
        self.found = 0
        self._may_learn = may_learn

    def find(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """What came before."""
        found = super().find(data)
        self.found += found is not None
        return found

    def learn(self, data: bytes, exchange: object) -> bool:
        """Only where it may."""
        return self._may_learn and super().learn(data, exchange)  # pyright: ignore[reportArgumentType]


def watched(stage: Stage, *, may_learn: bool = True) -> Watched:
    """The heads that a stage knows from now on."""
    stage.lane.known = heads = Watched(may_learn=may_learn)
    return heads


def taught(wire: Wire, request: bytes = ASK) -> Wire:
    """A connection whose last request was a usual one, read as one segment; the first one's Host is looked at."""
    for _ in range(2):
        assert wire.send(request).answer().status == 200
    return wire


def test_a_head_that_came_before_is_not_parsed(stage: Stage, wire: Wire) -> None:
    heads = watched(stage)
    taught(wire)
    stage.call(lambda: [setattr(connection, "parser", None) for connection in stage.connections])
    bodies = [wire.send(post("/predict", body)).answer().body for body in (b"[2]", b"[3]", b"[4]")]
    assert bodies == [b"[4.0]", b"[6.0]", b"[8.0]"]
    assert heads.found == 3


def test_what_one_connection_taught_helps_the_others(stage: Stage, wire: Wire) -> None:
    heads = watched(stage)
    taught(wire)
    with stage.open() as other:
        taught(other, post("/predict", b"[10]"))
        assert other.send(ASK).answer().body == b"[2.0]"
    assert heads.found == 1


@pytest.mark.parametrize("before", [b"X", b"PO", b"\0"], ids=["letter", "method", "nul"])
def test_bytes_between_two_requests_are_not_passed_over(wire: Wire, before: bytes) -> None:
    taught(wire).send(before)
    time.sleep(0.02)  # or both would be one segment
    assert wire.send(ASK).last().status == 400


@pytest.mark.parametrize("cut", [1, 10, len(ASK) - 3, len(ASK) - 1])
def test_a_known_head_in_pieces_or_without_its_body_is_waited_for(wire: Wire, cut: int) -> None:
    taught(wire).send(ASK[:cut])
    time.sleep(0.02)
    assert wire.send(ASK[cut:]).answer().body == b"[2.0]"
    assert wire.send(ASK).answer().body == b"[2.0]"


def test_several_in_one_segment_are_all_answered(wire: Wire) -> None:
    requests = [post("/predict", b"[%d]" % number) for number in (1, 2, 3)]
    answers = taught(wire).send(b"".join(requests)).answers(3)
    assert [answer.body for answer in answers] == [b"[2.0]", b"[4.0]", b"[6.0]"]


def test_one_that_comes_while_another_is_being_answered_waits_for_it() -> None:
    with on_stage() as stage, stage.open() as wire:
        taught(wire)
        stage.model.gate.clear()
        wire.send(ASK)
        stage.until(lambda: stage.metrics.in_flight)
        wire.send(post("/predict", b"[2]"))
        stage.until(lambda: any(connection.pipeline for connection in stage.connections))
        stage.model.gate.set()
        assert [answer.body for answer in wire.answers(2)] == [b"[2.0]", b"[4.0]"]


def test_the_key_of_a_known_head_was_right() -> None:
    with on_stage(keys=ApiKeys([KEY])) as stage, stage.open() as wire:
        heads = watched(stage)
        right, wrong = (post("/predict", b"[1]", f"X-API-Key: {key}") for key in (KEY, KEY + "-not"))
        answers = [wire.send(request).answer().status for request in (right, wrong, right, wrong, ASK, right, right)]
        assert len(heads) == 1
    assert answers == [200, 401, 200, 401, 401, 200, 200]
    assert heads.found == 1


def test_where_models_change_known_heads_lead_to_the_new_ones(stage: Stage, wire: Wire) -> None:
    heads = watched(stage)
    taught(wire)
    stage.call(stage.lane.rebuild)
    assert len(heads) == 0
    assert wire.send(ASK).answer().body == b"[2.0]"


def test_while_the_server_drains_each_answer_closes_its_connection() -> None:
    with on_stage() as stage, stage.open() as wire:
        taught(wire)
        stage.call(stage.lane.drain)
        assert wire.send(ASK).last().body == b"[2.0]"


def test_a_client_that_numbers_its_requests_does_not_push_out_others_heads(stage: Stage, wire: Wire) -> None:
    heads = watched(stage)
    for number in range(NEW_HEADS * 2):
        assert wire.send(post("/predict", b"[1]", f"X-Request-ID: {number}")).answer().status == 200
    assert 0 < len(heads) <= NEW_HEADS


def test_no_more_are_kept_than_there_is_room_for(stage: Stage) -> None:
    heads = watched(stage)
    for number in range(2 * known_heads.MOST // NEW_HEADS + 1):
        with stage.open() as wire:
            for own in range(NEW_HEADS):
                wire.send(post("/predict", b"[1]", f"X-Request-ID: {number}-{own}")).answer()
    assert len(heads) == known_heads.MOST


def test_a_large_request_is_not_learned(stage: Stage, wire: Wire) -> None:
    heads = watched(stage)
    taught(wire, post("/predict", b"[1]".ljust(known_heads.MAX_BYTES)))
    assert len(heads) == 0


def test_a_client_that_closes_its_half_early_gets_its_answer() -> None:
    with on_stage() as stage, stage.open() as wire:
        taught(wire)
        stage.model.gate.clear()
        wire.send(ASK).end()
        stage.until(lambda: all(connection.half_closed for connection in stage.connections))
        stage.model.gate.set()
        assert [answer.status for answer in wire.all()] == [100, 200]


def streams(dice: random.Random) -> list[list[bytes]]:
    """Segments to send on one connection each: known requests, and others, whole, cut and mutilated."""
    made: list[list[bytes]] = []
    for _ in range(STREAMS):
        kinds: list[Callable[[], list[bytes]]] = [
            lambda: [ASK],
            lambda: [ASK, ASK],
            lambda: [post("/predict", b"[%d]" % dice.randrange(10**6))],
            lambda: [ASK + ASK[: dice.randrange(len(ASK))]],
            lambda: [ASK[: (at := dice.randrange(len(ASK)))], ASK[at:]],
            lambda: [mutilated(dice)],
        ]
        made.append([ASK, ASK, *(piece for kind in dice.choices(kinds, k=dice.randint(1, 8)) for piece in kind())])
    return made


def received(stage: Stage, pieces: list[bytes]) -> bytes:
    """All answers but those that depend on when the stream ends: interim ones, and that a request was cut short."""
    with stage.open() as wire:
        try:
            for piece in pieces:
                wire.send(piece)
                time.sleep(0.0005)
            wire.end()
            return CUT_SHORT.sub(b"", wire.rest().replace(CONTINUE, b""))
        except OSError:
            return b""


@pytest.mark.slow
def test_no_stream_is_answered_otherwise_than_by_a_server_that_learns_nothing() -> None:
    dice = random.Random(5)
    asked = streams(dice)
    with on_stage(threads=0) as knowing, on_stage(threads=0) as plain:
        heads = watched(knowing)
        watched(plain, may_learn=False)
        for pieces in asked:
            ours, theirs = received(knowing, pieces), received(plain, pieces)
            assert ours == theirs or not (ours and theirs), pieces  # a reset may cost a client what was written before
    assert heads.found > STREAMS
