"""What waits for Redis, what for the model, and what is kept; the model doubles, and a dict stands in for Redis."""

import asyncio
import time
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from inference_app.batching import Batcher, BatchingLimits
from inference_app.contract import LookupResult, StoreResult
from inference_app.errors import ModelFailed, NotReady, QueueFull, TooLarge
from inference_app.jobs import FutureJob, Job
from inference_app.metrics import CacheMetrics, ModelMetrics
from inference_app.outputs import Rows
from inference_app.result_cache.lookups import Lookup
from inference_app.result_cache.queue import QUICK_BYTES, CachedQueue
from inference_app.result_cache.stores import Store
from inference_app.runners import InlineBatcher
from inference_app.tensors import Arrays, TensorSpec
from tests.inference_app.http.stage import POISON, Doubler

OUTPUT = TensorSpec.model_validate({"name": "y", "datatype": "FP32", "shape": (-1, -1)})


class Memory:
    """What is kept, and the requests that wait to hear of it."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}
        self.waiting: list[Lookup] = []
        self.lookups = SimpleNamespace(is_usable=True, ask=self.waiting.append)
        self.stores = SimpleNamespace(put=self.put)
        self.max_value_bytes = 1000

    def put(self, store: Store) -> None:
        """Keep a value at once."""
        self.kept[store.key] = store.value

    def tell(self) -> None:
        """Answer those who wait."""
        for lookup in self.waiting:
            value = self.kept.get(lookup.key)
            lookup.answer(LookupResult.MISS if value is None else LookupResult.HIT, value)
        self.waiting.clear()


class Cached:
    """A queue with a memory before it."""

    def __init__(self) -> None:
        self.model = Doubler()
        self.memory = Memory()
        self.metrics = CacheMetrics()
        limits = BatchingLimits(max_batch_size=2, max_queue_size=3, timeout=10)
        self.model_metrics = ModelMetrics()
        self.batcher: Batcher = InlineBatcher(self.model.run, limits, self.model_metrics)
        keys: Any = SimpleNamespace(of=key)
        self.queue = CachedQueue(self.batcher, cast("Any", self.memory), keys, {"y": OUTPUT}, self.metrics)

    async def infer(self, *numbers: float) -> list[list[float]]:
        """Ask, and let Redis answer."""
        asking = asyncio.create_task(self.queue.infer(inputs(*numbers)))
        await turn()
        self.memory.tell()
        return (await asking)["y"].tolist()

    def counts(self) -> dict[str, int]:
        """Results of lookups that are not 0."""
        return {result: count for result, count in self.metrics.lookups.items() if count}


def key(arrays: Arrays) -> bytes:
    return repr(arrays["x"].tolist()).encode()


def inputs(*numbers: float) -> Arrays:
    return {"x": np.array(numbers, np.float32)[:, np.newaxis]}


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.fixture
async def cached() -> AsyncGenerator[Cached]:
    made = Cached()
    yield made
    made.queue.close()


async def test_the_model_answers_once_and_redis_from_then_on(cached: Cached) -> None:
    answers = [await cached.infer(1, 2) for _ in range(3)]
    assert answers == [[[2], [4]]] * 3
    assert cached.model.batches == [[1, 2]]
    assert (cached.counts(), sum(cached.metrics.duration.counts)) == ({"miss": 1, "hit": 2}, 3)


async def test_a_request_larger_than_a_batch_is_kept_whole(cached: Cached) -> None:
    answers = [await cached.infer(1, 2, 3) for _ in range(2)]
    assert answers == [[[2], [4], [6]]] * 2
    assert cached.model.batches == [[1, 2], [3]]


async def test_requests_that_share_a_batch_are_kept_apart(cached: Cached) -> None:
    asking = [asyncio.create_task(cached.queue.infer(inputs(number))) for number in (1, 2)]
    await turn()
    cached.memory.tell()
    together = [(await each)["y"].tolist() for each in asking]
    alone = [await cached.infer(number) for number in (2, 1)]
    assert (together, alone) == ([[[2]], [[4]]], [[[4]], [[2]]])
    assert cached.model.batches == [[1, 2]]


async def test_while_redis_is_in_trouble_the_model_is_asked_at_once_and_nothing_is_kept(cached: Cached) -> None:
    cached.memory.lookups.is_usable = False
    answer = await cached.queue.infer(inputs(1))
    assert answer["y"].tolist() == [[2]]
    assert (cached.counts(), cached.memory.kept) == ({"skipped": 1}, {})


async def test_a_value_that_cannot_be_read_is_an_error_and_replaced(cached: Cached) -> None:
    await cached.infer(1)
    ((key, good),) = cached.memory.kept.items()
    cached.memory.kept[key] = good[:-1]
    assert await cached.infer(1) == [[2]]
    assert cached.memory.kept[key] == good
    assert cached.counts() == {"miss": 1, "error": 1}


async def test_a_failure_of_the_model_is_the_requests_and_is_not_kept(cached: Cached) -> None:
    for _ in range(2):
        with pytest.raises(ModelFailed):
            await cached.infer(POISON)
    assert cached.memory.kept == {}
    assert cached.counts() == {"miss": 2}


async def test_a_full_queue_refuses_as_it_does_without_a_cache(cached: Cached) -> None:
    asking = asyncio.create_task(cached.queue.infer(inputs(1, 2)))
    await turn()
    before = FutureJob(inputs(3, 4))
    cached.batcher.submit(before, time.perf_counter())
    cached.memory.tell()
    with pytest.raises(QueueFull):
        await asking
    assert (await before.outputs)["y"].tolist() == [[6], [8]]


async def test_what_waits_for_redis_when_the_model_is_closed_is_refused(cached: Cached) -> None:
    asking = asyncio.create_task(cached.queue.infer(inputs(1)))
    await turn()
    cached.queue.close()
    cached.memory.tell()
    with pytest.raises(NotReady):
        await asking


async def test_a_client_that_leaves_before_redis_answers_costs_the_model_nothing(cached: Cached) -> None:
    asking = asyncio.create_task(cached.queue.infer(inputs(1)))
    await turn()
    asking.cancel()
    await turn()
    cached.memory.tell()
    await turn()
    assert (cached.model.batches, cached.counts()) == ([], {})


async def test_a_client_that_leaves_the_models_queue_is_dropped_from_it(cached: Cached) -> None:
    job = FutureJob(inputs(1))
    cached.queue.submit(job, time.perf_counter())
    cached.memory.tell()
    cached.queue.drop(job)
    await turn()
    assert (cached.model.batches, cached.counts()) == ([], {"miss": 1})


async def test_an_answer_larger_than_is_kept_is_dropped(cached: Cached) -> None:
    cached.memory.max_value_bytes = 50
    assert await cached.infer(1) == [[2]]
    assert (cached.memory.kept, cached.metrics.stores[StoreResult.DROPPED]) == ({}, 1)


async def test_large_inputs_are_digested_beside_the_event_loop(cached: Cached) -> None:
    wide = {"x": np.ones((1, QUICK_BYTES), np.float32)}
    cached.memory.max_value_bytes = 10 * QUICK_BYTES
    found: list[Arrays] = []
    for _ in range(2):
        asking = asyncio.create_task(cached.queue.infer(wide))
        async with asyncio.timeout(10):
            while not cached.memory.waiting:  # noqa: ASYNC110 - the digest comes from a thread
                await asyncio.sleep(0.001)
        cached.memory.tell()
        found.append(await asking)
    assert [outputs["y"].tolist() for outputs in found] == [[[2.0] * QUICK_BYTES]] * 2
    assert cached.counts() == {"miss": 1, "hit": 1}


class Unrenderable(FutureJob):
    """A request whose answer cannot be written."""

    def deliver(self, rows: Rows) -> None:
        """Break."""
        del rows
        raise RuntimeError("a bug in rendering")


async def test_a_hit_that_cannot_be_rendered_fails_alone(cached: Cached) -> None:
    await cached.infer(1)
    jobs: list[FutureJob] = [Unrenderable(inputs(1)), FutureJob(inputs(1))]
    for job in jobs:
        cached.queue.submit(cast("Job", job), 0.0)
    cached.memory.tell()
    with pytest.raises(ModelFailed, match="could not be rendered"):
        await jobs[0].outputs
    assert (await jobs[1].outputs)["y"].tolist() == [[2]]


async def test_the_watchdog_reaches_the_model_itself(cached: Cached) -> None:
    await cached.infer(1)
    assert cached.queue.of_model is cached.batcher


class Later(FutureJob):
    """A request whose inputs come when its turn does."""

    is_prepared = False
    told = 0

    def prepare(self) -> None:
        """Count."""
        self.told += 1

    def hand_in(self, cached: Cached, *numbers: float) -> None:
        """The inputs are here."""
        self.inputs = inputs(*numbers)
        cached.queue.prepared(self)


@pytest.fixture
async def later(cached: Cached) -> Later:
    """One that has its place in the model's queue."""
    job = Later({})
    cached.queue.submit(job, time.perf_counter())
    return job


def waiting(cached: Cached) -> int:
    return cached.model_metrics.queue_size()


async def test_what_redis_has_gives_its_place_in_the_models_queue_back(cached: Cached, later: Later) -> None:
    await cached.infer(1, 2)
    assert (later.told, waiting(cached)) == (1, 1)
    later.hand_in(cached, 1, 2)
    cached.memory.tell()
    assert (await later.outputs)["y"].tolist() == [[2], [4]]
    assert (cached.model.batches, waiting(cached)) == ([[1, 2]], 0)
    assert sum(cached.metrics.duration.counts) == 2


async def test_what_redis_has_not_keeps_its_place_and_is_kept(cached: Cached, later: Later) -> None:
    later.hand_in(cached, 1, 2, 3)
    await turn()
    assert (cached.model.batches, waiting(cached)) == ([], 1)
    cached.memory.tell()
    assert (await later.outputs)["y"].tolist() == [[2], [4], [6]]
    assert await cached.infer(1, 2, 3) == [[2], [4], [6]]
    assert cached.model.batches == [[1, 2], [3]]


async def test_what_is_prepared_while_redis_is_in_trouble_goes_to_the_model(cached: Cached) -> None:
    cached.memory.lookups.is_usable = False
    job = Later({})
    cached.queue.submit(job, time.perf_counter())
    job.hand_in(cached, 1)
    assert (await job.outputs)["y"].tolist() == [[2]]
    assert (cached.counts(), cached.memory.kept) == ({"skipped": 1}, {})


async def test_what_turns_out_larger_than_the_queue_is_refused(cached: Cached, later: Later) -> None:
    later.hand_in(cached, 1, 2, 3, 4)
    cached.memory.tell()
    with pytest.raises(TooLarge):
        await later.outputs
    assert waiting(cached) == 0


async def test_what_is_not_prepared_is_refused_by_a_full_queue_and_dropped_with_its_client(
    cached: Cached, later: Later
) -> None:
    others = [Later({}) for _ in range(3)]
    for job in others[:2]:
        cached.queue.submit(job, time.perf_counter())
    with pytest.raises(QueueFull):
        cached.queue.submit(others[2], time.perf_counter())
    for job in (later, *others):
        cached.queue.drop(job)
    assert waiting(cached) == 0
    later.hand_in(cached, 1)
    assert (cached.memory.waiting, waiting(cached)) == ([], 0)
