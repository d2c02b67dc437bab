"""Answers come in the order of their requests, to whoever still reads them."""

import time

import pytest

from tests.inference_app.http.stage import POISON, UNACCEPTABLE, UNPARSABLE, UNRENDERABLE, Stage, on_stage
from tests.inference_app.http.wire import HEALTH, post


def clocks_looked_at(stage: Stage) -> bool:
    """Ticks on the event loop itself."""
    for connection in stage.connections:
        connection.check_clock(time.perf_counter())
    return True


ELSEWHERE = b"GET /elsewhere HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.mark.parametrize("threads", [0, 1])
def test_pipelined_requests_of_all_kinds_are_answered_in_order(threads: int) -> None:
    requests = [
        post("/predict", b"[1]"),
        HEALTH,
        ELSEWHERE,
        post("/predict", b"{}"),
        post("/elsewhere", b"abc"),
        HEALTH,
    ]
    with on_stage(threads=threads) as stage, stage.open() as wire:
        answers = wire.send(b"".join(requests * 3)).answers(18)
    assert [answer.status for answer in answers] == [200, 200, 404, 400, 404, 200] * 3
    assert [answers[0].body, answers[4].body] == [b"[2.0]", b"3"]


def test_thousands_of_probes_behind_a_slow_request_are_answered() -> None:
    with on_stage() as stage, stage.open() as wire:
        with stage.busy_model():
            wire.send(post("/predict", b"[1]") + HEALTH * 3000)
            stage.until(lambda: stage.waiting == 1)
        assert {answer.status for answer in wire.answers(3001)} == {200}


def test_a_client_that_sends_on_without_waiting_is_not_read_on() -> None:
    with on_stage() as stage, stage.open() as wire, stage.busy_model():
        wire.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            wire.sent_until_closed(post("/predict", b"[1]") * 1000)
        held = max(stage.call(lambda: [len(connection.pipeline) for connection in stage.connections]))
    assert 0 < held < 5000


def test_a_client_that_does_not_read_gets_no_further_until_it_does() -> None:
    count, size = 400, 200_000
    with on_stage(threads=0) as stage, stage.open() as wire:
        wire.send(post("/predict", b"[1]", f"pad: {size}") * count)
        stage.until(lambda: any(connection.flow.write_paused for connection in stage.connections))
        answered = stage.codes()[200]
        answers = wire.answers(count)
    assert answered < count
    assert {len(answer.body) for answer in answers} == {size + len(b"[2.0]")}


def test_a_client_that_never_reads_is_cut_off() -> None:
    with on_stage(threads=0) as stage, stage.open() as wire:
        wire.send(post("/predict", b"[1]", "pad: 200000") * 400)
        stage.until(lambda: any(connection.flow.write_paused for connection in stage.connections))
        stage.tick(later=100)
        stage.until(lambda: not stage.connections)


def test_a_client_that_sends_no_more_still_gets_its_answer() -> None:
    with on_stage() as stage, stage.open() as wire:
        with stage.busy_model():
            wire.send(post("/predict", b"[1]")).end()
            stage.until(lambda: any(connection.half_closed for connection in stage.connections))
            stage.tick()
        answers = [(answer.status, answer.body) for answer in wire.all()]
    assert answers == [(100, b""), (200, b"[2.0]")]


def test_all_pipelined_requests_of_a_client_that_sends_no_more_are_answered() -> None:
    with on_stage() as stage, stage.open() as wire:
        with stage.busy_model():
            wire.send(post("/predict", b"[1]") + ELSEWHERE + post("/predict", b"[2]")).end()
            stage.until(lambda: stage.waiting == 1)
        answers = [answer.status for answer in wire.all() if answer.status != 100]
    assert answers == [200, 404, 200]


def test_what_a_client_that_sends_no_more_left_unfinished_is_refused_after_its_answers() -> None:
    with on_stage() as stage, stage.open() as wire:
        with stage.busy_model():
            wire.send(post("/predict", b"[1]") + b"POST /predict HTTP/1.1\r\nHo").end()
            stage.until(lambda: any(connection.half_closed for connection in stage.connections))
        answers = [answer.status for answer in wire.all() if answer.status != 100]
    assert answers == [200, 400]


def test_a_client_that_left_is_noticed_and_its_request_never_reaches_the_model() -> None:
    with on_stage() as stage:
        with stage.busy_model(), stage.open() as wire:
            wire.send(post("/predict", b"[7]"))
            stage.until(lambda: stage.waiting == 1)
            wire.socket.close()
            stage.until(lambda: clocks_looked_at(stage) and stage.waiting == 0)
        assert stage.codes() == {499: 1, 200: 1}
        assert [7] not in stage.model.batches
        assert stage.call(lambda: stage.metrics.in_flight) == 0
        assert stage.call(lambda: stage.service.serving.pending) == 0


def test_all_pipelined_requests_of_a_client_that_left_are_dropped() -> None:
    with on_stage() as stage:
        with stage.busy_model():
            wire = stage.open().send(post("/predict", b"[7]") * 3 + HEALTH)
            stage.until(lambda: stage.waiting == 1)
            stage.call(lambda: [c.transport.abort() for c in stage.connections if c.pipeline])
            stage.until(lambda: stage.waiting == 0)
            wire.socket.close()
        assert stage.codes() == {499: 3, 200: 1}
        assert stage.codes("/health") == {499: 1}
        assert stage.call(lambda: stage.metrics.in_flight) == 0


def test_a_client_that_leaves_while_the_model_works_costs_nobody_anything() -> None:
    with on_stage() as stage, stage.open() as neighbour:
        with stage.busy_model():
            leaver = stage.open().send(post("/predict", b"[7]"))
            neighbour.send(post("/predict", b"[8]"))
            stage.until(lambda: stage.waiting == 2)
            stage.model.gate.set()
            leaver.socket.close()
        assert neighbour.answer().body == b"[16.0]"


@pytest.mark.parametrize("threads", [0, 1])
@pytest.mark.parametrize(
    ("number", "status"),
    [(UNPARSABLE, 500), (UNRENDERABLE, 500), (UNACCEPTABLE, 406), (POISON, 500)],
    ids=["parsing", "rendering", "accepting", "model"],
)
@pytest.mark.parametrize("headers", [(), ("slow: yes",)], ids=["quick", "slow"])
def test_a_failure_stays_with_its_request(threads: int, number: float, status: int, headers: tuple[str, ...]) -> None:
    with on_stage(threads=threads) as stage, stage.open() as unlucky, stage.open() as neighbour:
        unlucky.send(post("/predict", b"[%f]" % number, *headers) + post("/predict", b"[1]"))
        neighbour.send(post("/predict", b"[2]", *headers))
        failed, after, beside = *unlucky.answers(2), neighbour.answer()
        assert stage.call(lambda: stage.metrics.in_flight) == 0
    assert (failed.status, after.status, beside.body) == (status, 200, b"[4.0]")
    assert b"bug" not in failed.body


def test_failures_in_one_batch_stay_with_their_requests() -> None:
    with on_stage() as stage:
        with stage.busy_model():
            wires = [stage.open().send(post("/predict", b"[%d]" % number)) for number in (1, 2, 500, 3)]
            stage.until(lambda: stage.waiting == 4)
        assert [wire.answer().status for wire in wires] == [200, 200, 500, 200]
        for wire in wires:
            wire.socket.close()
        assert [1, 2, 500, 3] in stage.model.batches


def closing(stage: Stage) -> None:
    stage.lane.drain()
    stage.lane.set_default_headers([(b"connection", b"close")])


def test_while_draining_each_answer_closes_its_connection_and_none_is_lost() -> None:
    with on_stage() as stage, stage.open() as early, stage.open() as late:
        with stage.busy_model():
            early.send(post("/predict", b"[1]"))
            stage.until(lambda: stage.waiting == 1)
            stage.call(lambda: closing(stage))
            late.send(post("/predict", b"[2]"))
            stage.until(lambda: stage.waiting == 2)
        answers = early.answer(), late.last()
    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.headers["connection"] for answer in answers] == ["close", "close"]
