import asyncio
import threading
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from inference_app.errors import BadRequest, DeadlineExceeded, ModelFailed, ModelUnusable, NotReady, QueueFull
from inference_app.health import Health, State
from inference_app.tensors import Arrays
from inference_app.watchdog import Calls, Watchdog, WatchdogLimits

POISONED = RuntimeError("CUDA failure 700: an illegal memory access was encountered ; GPU=0")
OUT_OF_MEMORY = RuntimeError("CUDA failure 2: out of memory ; GPU=0")
INPUTS: Arrays = {"x": np.zeros((1, 2), np.float32)}


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class FakeModel:
    """A ready model under a watchdog; each probe and reload does what the lists say next, and nothing after that."""

    def __init__(self, interval: float = 0) -> None:
        self.clock = Clock()
        self.calls = Calls(self.clock)
        self.health = Health("fake")
        self.health.become(State.READY)
        self.probes: list[Exception | Callable[[], Awaitable[None]]] = []
        self.reloads: list[Exception] = []
        self.asked = self.reloaded = 0
        limits = WatchdogLimits(interval=interval, timeout=30, reloads=3, backoff=1)
        sleep = self.clock.sleep
        self.watchdog = Watchdog(self.health, self.calls, self.probe, self.reload, limits, self.clock, sleep)

    async def probe(self) -> None:
        self.asked += 1
        outcome = self.probes.pop(0) if self.probes else None
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not None:
            await outcome()

    async def reload(self) -> None:
        self.reloaded += 1
        if self.reloads:
            raise self.reloads.pop(0)

    def answer(self) -> None:
        self.calls.watch(lambda inputs: inputs)(INPUTS)


async def test_a_silent_model_is_probed_and_stays_ready_when_it_answers() -> None:
    model = FakeModel()
    await model.watchdog.check()
    assert (model.asked, model.health.state) == (1, State.READY)


async def test_a_model_that_answers_requests_is_not_probed() -> None:
    model = FakeModel()
    model.answer()
    await model.watchdog.check()
    assert model.asked == 0
    await model.watchdog.check()
    assert model.asked == 1


async def test_a_call_that_does_not_return_is_noticed_although_other_threads_answer() -> None:
    model = FakeModel()
    begun, release = threading.Event(), threading.Event()

    def hang(_: Arrays) -> None:
        begun.set()
        release.wait(10)

    thread = threading.Thread(target=model.calls.watch(hang), args=(INPUTS,))
    thread.start()
    begun.wait(10)
    model.clock.now += 29
    model.answer()
    await model.watchdog.check()
    before = model.health.state
    model.clock.now += 1
    model.answer()
    await model.watchdog.check()
    after = model.health.reason
    release.set()
    thread.join()
    await model.watchdog.check()
    assert before is State.READY
    assert after == "a model call has been running for 30 s"
    assert model.health.state is State.READY  # it came back after all


@pytest.mark.parametrize("outcome", [QueueFull("full"), DeadlineExceeded("late"), TimeoutError()])
async def test_a_queue_from_which_nothing_comes_is_found_stuck(outcome: Exception) -> None:
    model = FakeModel()
    model.probes = [outcome, outcome]
    model.clock.now += 10
    await model.watchdog.check()
    assert model.health.state is State.READY
    model.clock.now += 20
    await model.watchdog.check()
    assert (model.health.state, model.health.reason) == (State.HUNG, "the model has not answered for 30 s")


async def test_a_busy_model_is_not_taken_for_a_stuck_one() -> None:
    model = FakeModel()

    async def full() -> None:
        model.answer()
        raise QueueFull("full")

    model.clock.now += 60
    model.probes = [full]
    await model.watchdog.check()
    assert model.health.state is State.READY


async def test_a_hung_model_that_answers_again_is_ready_again() -> None:
    model = FakeModel()
    model.probes = [TimeoutError()]
    model.clock.now += 30
    await model.watchdog.check()
    assert model.health.state is State.HUNG
    await model.watchdog.check()
    assert model.health.state is State.READY


async def test_a_request_that_makes_the_model_raise_costs_the_model_nothing() -> None:
    model = FakeModel()
    model.watchdog.report(RuntimeError("index out of range"))
    await model.watchdog.check()
    assert (model.asked, model.reloaded, model.health.state) == (1, 0, State.READY)


async def test_a_model_that_raised_is_probed_although_it_answers_others() -> None:
    model = FakeModel()
    model.watchdog.report(OUT_OF_MEMORY)
    model.answer()
    await model.watchdog.check()
    assert model.asked == 1


@pytest.mark.parametrize("error", [ModelFailed("it raised"), ModelUnusable("golden output y differs by 1")])
async def test_a_model_that_fails_on_its_golden_input_is_reloaded(error: Exception) -> None:
    model = FakeModel()
    model.probes = [error]
    states: list[tuple[State, str]] = []

    async def reload() -> None:
        states.append((model.health.state, model.health.reason))

    limits, clock = WatchdogLimits(), model.clock
    await Watchdog(model.health, model.calls, model.probe, reload, limits, clock, clock.sleep).check()
    assert states == [(State.FAILING, f"the model fails and is being reloaded: {error}")]
    assert (model.asked, model.health.state) == (2, State.READY)


async def test_reloads_wait_longer_each_time_and_end() -> None:
    model = FakeModel()
    model.probes = [ModelFailed("first")]
    model.reloads = [ModelUnusable("second"), RuntimeError("third"), ModelUnusable("fourth")]
    await model.watchdog.check()
    assert model.clock.slept == [1, 2, 4]
    assert (model.health.state, model.health.reason) == (
        State.BROKEN,
        "the model fails and no reload helps: fourth",
    )


async def test_a_reload_that_succeeds_late_is_enough() -> None:
    model = FakeModel()
    model.probes = [ModelFailed("first")]
    model.reloads = [ModelUnusable("second")]
    await model.watchdog.check()
    assert (model.reloaded, model.health.state) == (2, State.READY)


async def test_a_reloaded_model_that_still_fails_is_not_ready() -> None:
    model = FakeModel()
    model.probes = [ModelFailed(f"probe {number}") for number in range(4)]
    await model.watchdog.check()
    assert (model.reloaded, model.health.state) == (3, State.BROKEN)


async def test_an_error_that_poisons_the_gpu_asks_for_a_restart_at_once() -> None:
    model = FakeModel()
    model.watchdog.report(POISONED)
    model.watchdog.report(OUT_OF_MEMORY)
    await model.watchdog.check()
    assert (model.asked, model.reloaded, model.health.state) == (0, 0, State.BROKEN)
    assert "CUDA failure 700" in model.health.reason


async def test_what_the_model_raised_on_its_golden_input_is_named_and_judged() -> None:
    model = FakeModel()

    async def fail() -> None:
        model.watchdog.report(POISONED)  # as the queue does before it fails the request
        raise ModelFailed("the model failed on this input")

    model.probes = [fail]
    await model.watchdog.check()
    assert (model.reloaded, model.health.state) == (0, State.BROKEN)
    assert "CUDA failure 700" in model.health.reason


async def test_an_error_that_the_old_model_left_is_not_held_against_the_new_one() -> None:
    model = FakeModel()

    async def fail() -> None:
        model.watchdog.report(OUT_OF_MEMORY)
        raise ModelFailed("the model failed on this input")

    model.probes = [fail, ModelFailed("again")]
    model.watchdog.report(OUT_OF_MEMORY)
    await model.watchdog.check()
    assert (model.reloaded, model.health.state) == (2, State.READY)


async def test_a_failure_without_words_is_named_by_its_kind() -> None:
    model = FakeModel()
    model.probes = [ModelFailed("first")]
    model.reloads = [TimeoutError(), TimeoutError(), TimeoutError()]
    await model.watchdog.check()
    assert model.health.reason == "the model fails and no reload helps: TimeoutError"


async def test_an_error_that_poisons_the_gpu_ends_the_reloads() -> None:
    model = FakeModel()
    model.probes = [ModelFailed("first")]
    model.reloads = [POISONED]
    await model.watchdog.check()
    assert (model.reloaded, model.health.state) == (1, State.BROKEN)


@pytest.mark.parametrize("outcome", [NotReady("the server is stopping"), BadRequest("out of distribution")])
async def test_a_probe_that_never_reached_the_model_is_no_verdict(outcome: Exception) -> None:
    model = FakeModel()
    model.probes = [outcome]
    await model.watchdog.check()
    assert (model.reloaded, model.health.state) == (0, State.READY)


async def test_a_stopping_model_is_not_reloaded() -> None:
    model = FakeModel()
    model.health.become(State.DRAINING, "the server is stopping")
    model.probes = [ModelFailed("it raised")]
    await model.watchdog.check()
    assert (model.reloaded, model.health.reason) == (0, "the server is stopping")


async def test_with_the_interval_off_only_errors_lead_to_a_look() -> None:
    model = FakeModel(interval=0)
    asked = asyncio.Event()

    async def note() -> None:
        asked.set()

    model.probes = [note]
    task = asyncio.create_task(model.watchdog.run())
    for _ in range(10):
        await asyncio.sleep(0)
    before = model.asked
    model.watchdog.report(RuntimeError("it raised"))
    await asyncio.wait_for(asked.wait(), 5)
    task.cancel()
    assert (before, model.asked) == (0, 1)


async def test_the_watchdog_looks_by_itself_and_ends_with_a_broken_model() -> None:
    model = FakeModel(interval=0.001)
    model.probes = [ModelFailed("first")]
    model.reloads = [POISONED]
    await asyncio.wait_for(model.watchdog.run(), 5)
    assert model.health.state is State.BROKEN


def test_a_call_counts_as_returned_also_when_it_raises() -> None:
    calls = Calls()

    def fail(_: Arrays) -> None:
        raise RuntimeError("it raised")

    with pytest.raises(RuntimeError):
        calls.watch(fail)(INPUTS)
    assert (calls.returned, calls.longest()) == (1, 0)
