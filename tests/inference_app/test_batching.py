import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from inference_app.batching import Batcher, BatchingLimits
from inference_app.errors import DeadlineExceeded, ModelFailed, NotReady, QueueFull, TooLarge
from inference_app.jobs import FutureJob
from inference_app.metrics import ModelMetrics
from inference_app.outputs import BatchOutputs, Rows
from inference_app.runners import InlineBatcher, ThreadedBatcher
from inference_app.tensors import Arrays

KINDS = [InlineBatcher, ThreadedBatcher]


class FakeModel:
    """Doubles its input, fails on negative numbers, records every batch, and can be held shut."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.threads: set[int] = set()
        self.open = threading.Event()
        self.entered = threading.Event()
        self.open.set()
        self.delay = 0.0

    def run(self, inputs: Arrays) -> BatchOutputs:
        self.batches.append(inputs["x"][:, 0].tolist())
        self.threads.add(threading.get_ident())
        self.entered.set()
        self.open.wait(10)
        time.sleep(self.delay)
        if (inputs["x"] < 0).any():
            raise ValueError("negative")
        return BatchOutputs({"y": inputs["x"] * 2})


class Unrenderable(FutureJob):
    """A job whose answer cannot be made."""

    def deliver(self, rows: Rows) -> None:
        raise RuntimeError(f"a bug for {rows.stop - rows.start} examples")


def inputs(*values: float, width: int = 1) -> Arrays:
    return {"x": np.repeat(np.array(values, dtype=np.float32)[:, np.newaxis], width, axis=1)}


def answer(outputs: Arrays) -> list[float]:
    return outputs["y"][:, 0].tolist()


@asynccontextmanager
async def running(
    kind: type[Batcher] = ThreadedBatcher, **limits: Any
) -> AsyncGenerator[tuple[Batcher, FakeModel, ModelMetrics]]:
    model, metrics = FakeModel(), ModelMetrics()
    defaults: dict[str, Any] = {"max_batch_size": 4, "max_queue_size": 8, "timeout": 10.0}
    batcher = kind(model.run, BatchingLimits(**{**defaults, **limits}), metrics)
    try:
        yield batcher, model, metrics
    finally:
        model.open.set()
        batcher.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition may come true on the model's thread
            await asyncio.sleep(0)


async def occupy(batcher: Batcher, model: FakeModel) -> asyncio.Task[Arrays]:
    """Keep the model busy with one example, 100, until `model.open` is set."""
    model.open.clear()
    busy = asyncio.create_task(batcher.infer(inputs(100)))
    await until(model.entered.is_set)
    return busy


async def queue(batcher: Batcher, metrics: ModelMetrics, *requests: Arrays) -> list[asyncio.Task[Arrays]]:
    """Put requests into the queue, in order."""
    tasks = [asyncio.create_task(batcher.infer(request)) for request in requests]
    rows = sum(len(request["x"]) for request in requests)
    await until(lambda: metrics.queue_size() >= rows)
    return tasks


def submit(batcher: Batcher, *jobs: FutureJob) -> None:
    """Put jobs into the queue in one turn of the event loop."""
    for job in jobs:
        batcher.submit(job, time.perf_counter())


@pytest.mark.parametrize("kind", KINDS)
async def test_a_lone_request_goes_straight_to_the_model(kind: type[Batcher]) -> None:
    async with running(kind) as (batcher, model, _):
        assert answer(await batcher.infer(inputs(1, 2))) == [2, 4]
        assert model.batches == [[1, 2]]


async def test_the_model_runs_beside_the_event_loop() -> None:
    async with running() as (batcher, model, _):
        await batcher.infer(inputs(1))
        assert threading.get_ident() not in model.threads


async def test_a_free_model_takes_what_has_queued_up_to_the_largest_batch() -> None:
    async with running() as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        tasks = await queue(batcher, metrics, *(inputs(value) for value in range(6)))
        model.open.set()
        assert [answer(outputs) for outputs in await asyncio.gather(*tasks)] == [[0], [2], [4], [6], [8], [10]]
        await busy
        assert model.batches == [[100], [0, 1, 2, 3], [4, 5]]


async def test_a_request_of_n_examples_counts_n_and_is_not_torn_apart_to_fill_a_batch() -> None:
    async with running() as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        tasks = await queue(batcher, metrics, inputs(1, 2, 3), inputs(4, 5))
        model.open.set()
        assert [answer(outputs) for outputs in await asyncio.gather(*tasks)] == [[2, 4, 6], [8, 10]]
        await busy
        assert model.batches == [[100], [1, 2, 3], [4, 5]]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_larger_than_a_batch_is_split_and_answered_whole(kind: type[Batcher]) -> None:
    async with running(kind) as (batcher, model, _):
        assert answer(await batcher.infer(inputs(1, 2, 3, 4, 5, 6))) == [2, 4, 6, 8, 10, 12]
        assert model.batches == [[1, 2, 3, 4], [5, 6]]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_larger_than_the_queue_is_refused_for_good(kind: type[Batcher]) -> None:
    async with running(kind, max_queue_size=3) as (batcher, _, __):
        with pytest.raises(TooLarge, match="at most 3 examples, got 4"):
            await batcher.infer(inputs(1, 2, 3, 4))


async def test_requests_of_different_shapes_never_share_a_batch() -> None:
    async with running() as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        tasks = await queue(batcher, metrics, inputs(1), inputs(2, width=2), inputs(3))
        model.open.set()
        await asyncio.gather(busy, *tasks)
        assert model.batches == [[100], [1, 3], [2]]


async def test_a_full_queue_refuses_and_counts_and_takes_again_later() -> None:
    async with running(max_queue_size=2) as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        tasks = await queue(batcher, metrics, inputs(1), inputs(2))
        with pytest.raises(QueueFull):
            await batcher.infer(inputs(3))
        model.open.set()
        await asyncio.gather(busy, *tasks)
        assert answer(await batcher.infer(inputs(3))) == [6]
        assert metrics.rejected == 1


async def test_one_bad_request_fails_alone() -> None:
    async with running() as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        good, bad, other = await queue(batcher, metrics, inputs(1), inputs(-1), inputs(2))
        model.open.set()
        await asyncio.wait([busy, good, bad, other])
        assert isinstance(bad.exception(), ModelFailed)
        assert [answer(task.result()) for task in (busy, good, other)] == [[200], [2], [4]]


async def test_cancelled_work_never_reaches_the_model() -> None:
    async with running() as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        kept, dropped = await queue(batcher, metrics, inputs(1), inputs(2))
        dropped.cancel()
        await asyncio.wait([dropped])
        assert metrics.queue_size() == 1
        model.open.set()
        await asyncio.gather(busy, kept)
        assert model.batches == [[100], [1]]


async def test_cancelling_a_request_inside_the_model_leaves_its_neighbours_alone() -> None:
    async with running() as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        model.entered.clear()
        tasks = await queue(batcher, metrics, inputs(1), inputs(2))
        busy.cancel()
        model.open.set()
        assert [answer(outputs) for outputs in await asyncio.gather(*tasks)] == [[2], [4]]


async def test_a_request_that_waits_too_long_never_reaches_the_model() -> None:
    async with running(timeout=0.05) as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        with pytest.raises(DeadlineExceeded, match="before its deadline"):
            await batcher.infer(inputs(1))
        assert metrics.queue_size() == 0
        model.open.set()
        assert answer(await busy) == [200]
        assert model.batches == [[100]]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_delay_waits_for_a_fuller_batch(kind: type[Batcher]) -> None:
    async with running(kind, max_delay=10, max_batch_size=3) as (batcher, model, metrics):
        tasks = await queue(batcher, metrics, inputs(1), inputs(2))
        tasks.append(asyncio.create_task(batcher.infer(inputs(3))))
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks)
        assert model.batches == [[1, 2, 3]]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_delay_ends_without_a_full_batch(kind: type[Batcher]) -> None:
    async with running(kind, max_delay=0.02) as (batcher, model, _):
        assert answer(await batcher.infer(inputs(1))) == [2]
        assert model.batches == [[1]]


async def test_closing_fails_what_waits_and_what_comes() -> None:
    async with running() as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        (waiting,) = await queue(batcher, metrics, inputs(1))
        batcher.close()
        with pytest.raises(NotReady):
            await waiting
        with pytest.raises(NotReady):
            await batcher.infer(inputs(2))
        model.open.set()
        assert answer(await busy) == [200]


@pytest.mark.parametrize("kind", KINDS)
async def test_batches_and_waits_are_measured(kind: type[Batcher]) -> None:
    async with running(kind) as (batcher, _, metrics):
        await batcher.infer(inputs(1, 2, 3))
        assert metrics.batch_size.total == 3
        assert [sum(histogram.counts) for histogram in (metrics.duration, metrics.queue_duration)] == [1, 1]


async def test_an_inline_model_runs_once_per_turn_of_the_event_loop_on_its_thread() -> None:
    async with running(InlineBatcher) as (batcher, model, _):
        jobs = [FutureJob(inputs(value)) for value in range(6)]
        submit(batcher, *jobs)
        assert model.batches == []
        outputs = [answer(await job.outputs) for job in jobs]
        assert outputs == [[0], [2], [4], [6], [8], [10]]
        assert (model.batches, model.threads) == ([[0, 1, 2, 3], [4, 5]], {threading.get_ident()})


@pytest.mark.parametrize("kind", KINDS)
async def test_work_whose_own_deadline_has_passed_never_reaches_the_model(kind: type[Batcher]) -> None:
    async with running(kind) as (batcher, model, _):
        late, punctual = FutureJob(inputs(1)), FutureJob(inputs(2))
        now = time.perf_counter()
        batcher.submit(late, now, now - 0.001)
        batcher.submit(punctual, now, now + 10)
        assert answer(await punctual.outputs) == [4]
        with pytest.raises(DeadlineExceeded):
            await late.outputs
        assert model.batches == [[2]]


async def test_a_deadline_that_is_nearer_than_those_before_it_is_kept_while_the_model_is_busy() -> None:
    async with running() as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        patient = (await queue(batcher, metrics, inputs(1)))[0]
        with pytest.raises(DeadlineExceeded):
            await batcher.infer(inputs(2), time.perf_counter() + 0.02)
        model.open.set()
        await asyncio.gather(busy, patient)
        assert model.batches == [[100], [1]]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_cannot_be_made_fails_alone(kind: type[Batcher]) -> None:
    async with running(kind) as (batcher, model, _):
        jobs = [FutureJob(inputs(1)), Unrenderable(inputs(2)), FutureJob(inputs(3))]
        submit(batcher, *jobs)
        assert [answer(await job.outputs) for job in jobs[::2]] == [[2], [6]]
        with pytest.raises(ModelFailed, match="could not be rendered"):
            await jobs[1].outputs
        assert sorted(number for batch in model.batches for number in batch) == [1, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_part_that_fails_fails_the_whole_request_once(kind: type[Batcher]) -> None:
    async with running(kind) as (batcher, _, metrics):
        with pytest.raises(ModelFailed):
            await batcher.infer(inputs(1, 2, 3, 4, -1, 6))
        assert metrics.queue_size() == 0


async def test_several_threads_run_batches_at_the_same_time() -> None:
    model, metrics = FakeModel(), ModelMetrics()
    batcher = ThreadedBatcher(
        model.run, BatchingLimits(max_batch_size=1, max_queue_size=8, timeout=10), metrics, threads=2
    )
    model.open.clear()
    tasks = [asyncio.create_task(batcher.infer(inputs(value))) for value in (1, 2, 3)]
    await until(lambda: len(model.batches) == 2)
    assert metrics.queue_size() == 1
    model.open.set()
    await asyncio.gather(*tasks)
    batcher.close()
    assert len(model.threads) == 2


async def test_the_thread_that_ran_last_runs_next() -> None:
    model = FakeModel()
    limits = BatchingLimits(max_batch_size=1, max_queue_size=8, timeout=10)
    batcher = ThreadedBatcher(model.run, limits, ModelMetrics(), threads=3)
    for number in range(6):
        await until(lambda: len(vars(batcher)["_idle"]) == 3)
        assert answer(await batcher.infer(inputs(number))) == [2 * number]
    batcher.close()
    assert len(model.threads) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_the_watchdog_hears_of_failures(kind: type[Batcher]) -> None:
    model, heard = FakeModel(), list[Exception]()
    limits = BatchingLimits(max_batch_size=4, max_queue_size=8, timeout=10)
    batcher = kind(model.run, limits, ModelMetrics(), heard.append)
    with pytest.raises(ModelFailed):
        await batcher.infer(inputs(-1))
    batcher.close()
    assert [str(error) for error in heard] == ["negative"]


async def test_work_that_would_wait_beyond_its_deadline_is_refused_at_once() -> None:
    async with running(max_batch_size=1) as (batcher, model, metrics):
        model.delay = 0.05
        await batcher.infer(inputs(1))
        busy = await occupy(batcher, model)
        waiting = await queue(batcher, metrics, inputs(2), inputs(3), inputs(4))
        with pytest.raises(QueueFull, match="longer than this request has time"):
            await batcher.infer(inputs(5), time.perf_counter() + 0.01)
        model.open.set()
        await asyncio.gather(busy, *waiting)
        assert answer(await batcher.infer(inputs(6), time.perf_counter() + 5)) == [12]
        assert (metrics.rejected, [5] in model.batches) == (1, False)
