import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from inference_app.batching import Batcher, BatchingLimits
from inference_app.errors import DeadlineExceeded, ModelFailed, NotReady, QueueFull, TooLarge
from inference_app.metrics import Metrics
from inference_app.tensors import Arrays


class FakeModel:
    """Doubles its input, fails on negative numbers, records every batch, and can be held shut."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.threads: set[int] = set()
        self.open = threading.Event()
        self.entered = threading.Event()
        self.open.set()

    def run(self, inputs: Arrays) -> Arrays:
        self.batches.append(inputs["x"][:, 0].tolist())
        self.threads.add(threading.get_ident())
        self.entered.set()
        self.open.wait(10)
        if (inputs["x"] < 0).any():
            raise ValueError("negative")
        return {"y": inputs["x"] * 2}


def inputs(*values: float, width: int = 1) -> Arrays:
    return {"x": np.repeat(np.array(values, dtype=np.float32)[:, np.newaxis], width, axis=1)}


def answer(outputs: Arrays) -> list[float]:
    return outputs["y"][:, 0].tolist()


@asynccontextmanager
async def running(**limits: Any) -> AsyncGenerator[tuple[Batcher, FakeModel, Metrics]]:
    model, metrics = FakeModel(), Metrics("fake")
    defaults: dict[str, Any] = {"max_batch_size": 4, "max_queue_size": 8, "timeout": 10.0}
    batcher = Batcher(model.run, BatchingLimits(**{**defaults, **limits}), metrics)
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


async def queue(batcher: Batcher, metrics: Metrics, *requests: Arrays) -> list[asyncio.Task[Arrays]]:
    """Put requests into the queue, in order."""
    tasks = [asyncio.create_task(batcher.infer(request)) for request in requests]
    rows = sum(len(request["x"]) for request in requests)
    await until(lambda: queued(metrics) >= rows)
    return tasks


def queued(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("inference_queue_size", {"model": "fake"}) or 0


async def test_a_lone_request_goes_straight_to_the_model() -> None:
    async with running() as (batcher, model, _):
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


async def test_a_request_larger_than_a_batch_is_split_and_answered_whole() -> None:
    async with running() as (batcher, model, _):
        assert answer(await batcher.infer(inputs(1, 2, 3, 4, 5, 6))) == [2, 4, 6, 8, 10, 12]
        assert model.batches == [[1, 2, 3, 4], [5, 6]]


async def test_a_request_larger_than_the_queue_is_refused_for_good() -> None:
    async with running(max_queue_size=3) as (batcher, _, __):
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
        assert metrics.registry.get_sample_value("inference_rejected_total", {"model": "fake"}) == 1


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
        assert queued(metrics) == 1
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
        with pytest.raises(DeadlineExceeded, match=r"waited 0\.05 s"):
            await batcher.infer(inputs(1))
        assert queued(metrics) == 0
        model.open.set()
        assert answer(await busy) == [200]
        assert model.batches == [[100]]


async def test_a_delay_waits_for_a_fuller_batch() -> None:
    async with running(max_delay=10, max_batch_size=3) as (batcher, model, metrics):
        tasks = await queue(batcher, metrics, inputs(1), inputs(2))
        tasks.append(asyncio.create_task(batcher.infer(inputs(3))))
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks)
        assert model.batches == [[1, 2, 3]]


async def test_a_delay_ends_without_a_full_batch() -> None:
    async with running(max_delay=0.02) as (batcher, model, _):
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


async def test_batches_and_waits_are_measured() -> None:
    async with running() as (batcher, _, metrics):
        await batcher.infer(inputs(1, 2, 3))
        value = metrics.registry.get_sample_value
        assert value("inference_batch_size_sum", {"model": "fake"}) == 3
        assert value("inference_model_duration_seconds_count", {"model": "fake"}) == 1
        assert value("inference_queue_duration_seconds_count", {"model": "fake"}) == 1
