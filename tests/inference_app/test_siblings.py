import math

import pytest

from inference_app.errors import NotReady
from inference_app.metrics import Metrics
from inference_app.scoreboard import Scoreboard
from inference_app.siblings import SILENT_SECONDS, Siblings, read, vacate


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Pair:
    """Two workers in one process, ready both."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.board = Scoreboard(2)
        for slot in range(2):
            vacate(self.board, slot, "is starting")
        self.first, self.second = self.join(0), self.join(1)
        self.first.tell(unready="", dead="", metrics=counted(1))
        self.second.tell(unready="", dead="", metrics=counted(2))

    def join(self, slot: int) -> Siblings:
        """A worker that takes a place."""
        return Siblings(self.board, slot, replaces=False, clock=self.clock)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def counted(answers: int) -> Metrics:
    """So many answers, one request in flight, one example in the queue."""
    metrics = Metrics()
    for _ in range(answers):
        metrics.routes["/predict"].observe(200, 0.001)
    model = metrics.model("digits", "1")
    model.queue_size = lambda: 1
    metrics.in_flight = 1
    metrics.ready = lambda: 1.0
    return metrics


def answers(metrics: Metrics) -> int:
    return metrics.routes["/predict"].codes.get(200, 0)


def test_a_worker_that_has_not_reported_yet_keeps_the_others_unready() -> None:
    board = Scoreboard(2)
    for slot in range(2):
        vacate(board, slot, "is starting")
    early = Siblings(board, 0, replaces=False)
    early.require_live()
    with pytest.raises(NotReady, match="worker 2: is starting"):
        early.require_ready()


def test_a_worker_asks_the_others_not_itself(pair: Pair) -> None:
    pair.second.tell(unready="the model is loading", dead="", metrics=Metrics())
    pair.second.require_ready()
    pair.first.require_live()
    with pytest.raises(NotReady, match="worker 2: the model is loading"):
        pair.first.require_ready()


def test_a_worker_that_only_a_restart_would_help_costs_the_others_their_liveness(pair: Pair) -> None:
    pair.first.tell(unready="a model call hangs", dead="a model call hangs", metrics=Metrics())
    with pytest.raises(NotReady, match="worker 1: a model call hangs"):
        pair.second.require_live()


def test_a_silent_worker_is_neither_ready_nor_live(pair: Pair) -> None:
    pair.clock.now += SILENT_SECONDS
    pair.first.require_live()
    pair.clock.now += 1
    for require in (pair.first.require_live, pair.first.require_ready):
        with pytest.raises(NotReady, match="worker 2: hangs: it has said nothing for 6 s"):
            require()


def test_nobody_waits_for_a_worker_that_has_said_its_last(pair: Pair) -> None:
    pair.second.tell(unready="the server is stopping", dead="", metrics=Metrics(), is_last=True)
    pair.clock.now += 1000
    pair.first.require_live()


def test_the_counts_of_all_are_added_up_whoever_is_asked(pair: Pair) -> None:
    totals = [pair.first.total(counted(1)), pair.second.total(counted(2))]
    assert [answers(total) for total in totals] == [3, 3]
    assert [(total.in_flight, total.models["digits", "1"].queue_size(), total.ready()) for total in totals] == [
        (2, 2, 1.0),
        (2, 2, 1.0),
    ]


def test_what_one_worker_has_shown_the_others_know(pair: Pair) -> None:
    shown = pair.first.total(counted(50))
    assert answers(pair.second.total(counted(2))) == answers(shown) == 52


def test_a_successor_goes_on_counting_where_the_dead_stopped(pair: Pair) -> None:
    vacate(pair.board, 0, "has died")
    between = pair.second.total(counted(2))
    heir = pair.join(0)
    metrics = Metrics(heir)
    metrics.routes["/predict"].observe(200, 0.001)
    heir.tell(unready="", dead="", metrics=metrics)
    assert answers(between) == 3
    assert answers(pair.second.total(counted(2))) == 4


def test_what_was_in_flight_in_a_dead_worker_is_so_no_more(pair: Pair) -> None:
    vacate(pair.board, 0, "has died")
    total = pair.second.total(counted(2))
    assert (total.in_flight, total.models["digits", "1"].queue_size(), total.ready()) == (1, 1, 0.0)
    assert list(pair.second.pids()) == [2]
    assert read(pair.board, 0).at == math.inf
