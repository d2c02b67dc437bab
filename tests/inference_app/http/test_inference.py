"""Inference requests between their connection and their model's queue."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from inference_app.outputs import BatchOutputs
from inference_app.tensors import Arrays
from tests.inference_app.http.stage import Stage, on_stage
from tests.inference_app.http.wire import HEALTH, Wire, post

CLIENTS, REQUESTS = 24, 40


@pytest.mark.parametrize("headers", [(), ("slow: yes",)], ids=["quick", "slow"])
def test_a_request_with_too_little_time_is_504_and_never_reaches_the_model(headers: tuple[str, ...]) -> None:
    with on_stage() as stage, stage.open() as wire:
        with stage.busy_model():
            answer = wire.send(post("/predict", b"[7]", "timeout: 0.05", *headers)).answer()
        assert answer.status == 504
        assert [7] not in stage.model.batches


def test_nobody_waits_longer_than_the_server_allows() -> None:
    with on_stage(timeout=0.05) as stage, stage.open() as wire, stage.busy_model():
        assert wire.send(post("/predict", b"[7]", "timeout: 100")).answer().status == 504


def test_past_a_full_queue_requests_are_429_and_those_in_it_are_answered() -> None:
    with on_stage(max_queue_size=2) as stage:
        with stage.busy_model():
            waiting = [stage.open().send(post("/predict", b"[1]")) for _ in range(2)]
            stage.until(lambda: stage.waiting == 2)
            with stage.open() as wire:
                refusal = wire.send(post("/predict", b"[1]")).answer()
                again = wire.send(HEALTH).answer()
        answers = [wire.answer().status for wire in waiting]
        for wire in waiting:
            wire.socket.close()
        assert stage.call(lambda: stage.metrics.model("doubler", "1").rejected) == 1
    assert (refusal.status, refusal.headers["retry-after"], again.status) == (429, "1", 200)
    assert answers == [200, 200]


class Parsing:
    """Counts what is parsed, and lets nothing through until it is opened."""

    def __init__(self, stage: Stage, *, is_open: bool) -> None:
        self.begun = 0
        self.gate = threading.Event()
        codec: Any = stage.service.serving.codecs[0]
        parse = codec.parse

        def gated(body: bytes, headers: Any) -> Any:
            self.begun += 1
            assert self.gate.wait(20)
            return parse(body, headers)

        codec.parse = gated
        if is_open:
            self.gate.set()


def parsing(stage: Stage) -> int:
    return len(vars(stage.batcher)["_waiting"].being_prepared)


def test_what_takes_long_to_parse_is_not_parsed_for_a_full_queue() -> None:
    with on_stage(max_queue_size=2) as stage, stage.open() as wire:
        with stage.busy_model():
            waiting = [stage.open().send(post("/predict", b"[1]")) for _ in range(2)]
            stage.until(lambda: stage.waiting == 2)
            parsed = Parsing(stage, is_open=True)
            assert wire.send(post("/predict", b"[7]", "slow: yes")).answer().status == 429
        assert [each.answer().status for each in waiting] == [200, 200]
        for each in waiting:
            each.socket.close()
        assert parsed.begun == 0
        assert wire.send(post("/predict", b"[7]", "slow: yes")).answer().body == b"[14.0]"


def test_what_is_being_parsed_has_its_place_in_the_queue() -> None:
    with on_stage(max_queue_size=2) as stage, stage.open() as wire:
        parsed = Parsing(stage, is_open=False)
        ahead = [stage.open().send(post("/predict", b"[1]", "slow: yes")) for _ in range(2)]
        stage.until(lambda: parsing(stage) == 2)
        assert wire.send(post("/predict", b"[7]", "slow: yes")).answer().status == 429
        parsed.gate.set()
        assert [each.answer().status for each in ahead] == [200, 200]
        for each in ahead:
            each.socket.close()
        assert wire.send(post("/predict", b"[7]", "slow: yes")).answer().status == 200
        assert stage.call(lambda: parsing(stage)) == 0


AHEAD = 8
"""A batch for the model's thread and one more."""


def test_no_more_are_parsed_than_the_model_soon_takes_and_all_in_their_order() -> None:
    with on_stage() as stage:
        with stage.busy_model():
            parsed = Parsing(stage, is_open=True)
            wires = [stage.open() for _ in range(AHEAD + 3)]
            for number, wire in enumerate(wires):
                wire.send(post("/predict", b"[%d]" % number, "slow: yes"))
                stage.until(lambda number=number: stage.waiting == number + 1)
            stage.until(lambda: parsing(stage) == 0)
            assert parsed.begun == AHEAD
        answers = [wire.answer().body for wire in wires]
        for wire in wires:
            wire.socket.close()
    assert answers == [b"[%.1f]" % (2 * number) for number in range(AHEAD + 3)]


@pytest.fixture
def crowded() -> Iterator[tuple[Stage, Parsing, list[Wire]]]:
    """A busy model for which as much as it takes next is parsed."""
    with on_stage() as stage, stage.busy_model():
        parsed = Parsing(stage, is_open=True)
        wires = [stage.open().send(post("/predict", b"[1]", "slow: yes")) for _ in range(AHEAD)]
        stage.until(lambda: parsed.begun == AHEAD and not parsing(stage))
        yield stage, parsed, wires
        for wire in wires:
            wire.socket.close()


def test_what_waits_beyond_its_deadline_is_504_and_never_parsed(crowded: tuple[Stage, Parsing, list[Wire]]) -> None:
    stage, parsed, _ = crowded
    with stage.open() as wire:
        assert wire.send(post("/predict", b"[7]", "slow: yes", "timeout: 0.05")).answer().status == 504
    assert (parsed.begun, stage.waiting) == (AHEAD, AHEAD)


def test_what_nobody_waits_for_any_more_is_never_parsed(crowded: tuple[Stage, Parsing, list[Wire]]) -> None:
    stage, parsed, wires = crowded
    with stage.open() as leaving:
        leaving.send(post("/predict", b"[7]", "slow: yes"))
        stage.until(lambda: stage.waiting == AHEAD + 1)
        leaving.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closing resets
    stage.until(lambda: stage.waiting == AHEAD)
    stage.model.gate.set()
    assert [wire.answer().status for wire in wires] == [200] * AHEAD
    assert parsed.begun == AHEAD


def test_what_waits_when_the_model_closes_is_503(crowded: tuple[Stage, Parsing, list[Wire]]) -> None:
    stage, _, wires = crowded
    with stage.open() as wire:
        wire.send(post("/predict", b"[7]", "slow: yes"))
        stage.until(lambda: stage.waiting == AHEAD + 1)
        stage.call(stage.batcher.close)
        assert [each.answer().status for each in (wire, *wires)] == [503] * (AHEAD + 1)


def test_what_could_not_be_parsed_or_is_not_wanted_any_more_gives_its_place_back() -> None:
    with on_stage(max_queue_size=2) as stage, stage.open() as wire:
        assert wire.send(post("/predict", b"nothing", "slow: yes")).answer().status == 400
        parsed = Parsing(stage, is_open=False)
        with stage.open() as leaving:
            leaving.send(post("/predict", b"[1]", "slow: yes"))
            stage.until(lambda: parsing(stage) == 1)
        parsed.gate.set()
        stage.until(lambda: parsing(stage) == 0)


def test_more_examples_than_the_queue_ever_holds_are_413() -> None:
    with on_stage(max_queue_size=2) as stage, stage.open() as wire:
        assert wire.send(post("/predict", b"[1,2,3]")).answer().status == 413


def test_a_request_larger_than_a_batch_gets_one_answer() -> None:
    with on_stage() as stage, stage.open() as wire:
        assert wire.send(post("/predict", b"[1,2,3,4,5,6]")).answer().body == b"[2.0,4.0,6.0,8.0,10.0,12.0]"
        assert stage.model.batches == [[1, 2, 3, 4], [5, 6]]


def test_a_body_in_another_encoding_is_415(wire_to_inline: Wire) -> None:
    encodings = ("gzip", "identity")
    answers = [
        wire_to_inline.send(post("/predict", b"[1]", f"Content-Encoding: {name}")).answer() for name in encodings
    ]
    assert [answer.status for answer in answers] == [415, 200]


@pytest.fixture
def wire_to_inline() -> Any:
    """A connection to a server whose model runs on the event loop."""
    with on_stage(threads=0) as stage, stage.open() as wire:
        yield wire


def test_a_client_that_leaves_while_its_body_is_parsed_is_forgotten() -> None:
    with on_stage() as stage, stage.open() as neighbour:
        with stage.busy_model():
            stage.open().send(post("/predict", b"[7]", "slow: yes")).socket.close()
            stage.until(lambda: len(stage.connections) == 3)
            stage.call(lambda: [connection.check_clock(time.perf_counter()) for connection in stage.connections])
            stage.until(lambda: clocks_and(stage))
        assert neighbour.send(post("/predict", b"[1]")).answer().status == 200
        assert stage.call(lambda: stage.service.serving.pending) == 0
        assert [7] not in stage.model.batches


def clocks_and(stage: Stage) -> bool:
    """Whether, at the next look at the clock, only two connections are left."""
    for connection in stage.connections:
        connection.check_clock(time.perf_counter())
    return len(stage.connections) == 2


class Overload:
    """Clients that ask without a pause, and what they got."""

    def __init__(self, stage: Stage) -> None:
        self.statuses = Counter[int]()
        self._stage = stage
        self._lock = threading.Lock()
        deadlines = [f"timeout: {0.01 + number / 300}" for number in range(CLIENTS)]
        self._clients = [threading.Thread(target=self._ask, args=(deadline,)) for deadline in deadlines]

    def run(self) -> None:
        """Until all have asked as often as they want to."""
        for client in self._clients:
            client.start()
        for client in self._clients:
            client.join()

    def _ask(self, deadline: str) -> None:
        with self._stage.open() as wire:
            for _ in range(REQUESTS):
                status = wire.send(post("/predict", b"[1]", deadline)).answer().status
                with self._lock:
                    self.statuses[status] += 1


@pytest.mark.slow
def test_under_overload_all_get_an_answer_and_the_model_works_for_nobody_who_has_left() -> None:
    with on_stage(max_queue_size=12) as stage:
        run = stage.model.run

        def slowly(inputs: Arrays) -> BatchOutputs:
            time.sleep(0.01)  # the model's own time
            return run(inputs)

        stage.call(lambda: setattr(stage.batcher, "_run", slowly))
        overload = Overload(stage)
        probes: list[int] = []
        done = threading.Event()

        def probe() -> None:
            with stage.open() as wire:
                while not done.is_set():
                    probes.append(wire.send(HEALTH).answer().status)

        prober = threading.Thread(target=probe)
        prober.start()
        overload.run()
        done.set()
        prober.join()
        computed = sum(len(batch) for batch in stage.model.batches)
        idle = stage.call(lambda: (stage.waiting, stage.metrics.in_flight, stage.service.serving.pending))
    assert overload.statuses.total() == CLIENTS * REQUESTS
    assert {200, 429} <= set(overload.statuses) <= {200, 429, 504}
    assert computed == overload.statuses[200]
    assert set(probes) == {200}
    assert idle == (0, 0, 0)
