"""Which threads make the inputs of jobs: the model's own where they have all cores, others where it must not wait."""

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import chain

import pytest

from inference_app.batching import Batcher, BatchingLimits
from inference_app.errors import ModelFailed
from inference_app.jobs import FutureJob
from inference_app.metrics import ModelMetrics
from inference_app.preparing import Preparation
from inference_app.runners import InlineBatcher, ThreadedBatcher
from inference_app.tensors import Arrays
from tests.inference_app.test_batching import FakeModel, answer, inputs, occupy, submit, until


class Made(FutureJob):
    """A job whose inputs are made when its turn comes; says on which thread, and in which order."""

    is_prepared = False
    made: list["Made"]
    thread: int | None = None

    def __init__(self, batcher: Batcher, make: Callable[[], Arrays], made: list["Made"]) -> None:
        super().__init__({})
        self._batcher = batcher
        self._make = make
        self.made = made

    def prepare(self) -> Preparation[Arrays]:
        return Preparation(self._run, self._ready, self._broken)

    def _run(self) -> Arrays:
        self.thread = threading.get_ident()
        self.made.append(self)
        return self._make()

    def _ready(self, made: Arrays) -> None:
        self.inputs = made
        self._batcher.prepared(self)

    def _broken(self, error: BaseException) -> None:
        self._batcher.drop(self)
        self.fail(ModelFailed(repr(error)))


@asynccontextmanager
async def threaded(
    *, threads: int = 1, prepare: bool = True, max_batch_size: int = 1
) -> AsyncGenerator[tuple[Batcher, FakeModel]]:
    model = FakeModel()
    limits = BatchingLimits(max_batch_size=max_batch_size, max_queue_size=16, timeout=10)
    batcher = ThreadedBatcher(model.run, limits, ModelMetrics(), threads=threads, prepare=prepare)
    try:
        yield batcher, model
    finally:
        model.open.set()
        batcher.close()


def jobs(batcher: Batcher, *values: float) -> list[Made]:
    made: list[Made] = []
    return [Made(batcher, lambda value=value: inputs(value), made) for value in values]


async def test_the_models_thread_makes_what_it_runs() -> None:
    async with threaded() as (batcher, model):
        (job,) = jobs(batcher, 1)
        submit(batcher, job)
        assert answer(await job.outputs) == [2]
        assert {job.thread} == model.threads


async def test_other_threads_do_where_the_models_must_not_wait() -> None:
    async with threaded(prepare=False) as (batcher, model):
        busy = await occupy(batcher, model)
        (job,) = jobs(batcher, 1)
        submit(batcher, job)
        await until(lambda: job.made)
        model.open.set()
        await asyncio.gather(busy, job.outputs)
        assert job.thread not in {*model.threads, threading.get_ident()}


async def test_nor_does_the_event_loop() -> None:
    model = FakeModel()
    batcher = InlineBatcher(model.run, BatchingLimits(max_batch_size=1, max_queue_size=1, timeout=10), ModelMetrics())
    (job,) = jobs(batcher, 1)
    submit(batcher, job)
    assert answer(await job.outputs) == [2]
    assert job.thread != threading.get_ident()
    batcher.close()


async def test_a_thread_makes_what_its_batch_has_room_for_before_it_runs_it() -> None:
    async with threaded(max_batch_size=2) as (batcher, model):
        busy = await occupy(batcher, model)
        model.entered.clear()
        waiting = jobs(batcher, 1, 2, 3)
        submit(batcher, *waiting)
        model.open.set()
        await asyncio.to_thread(model.entered.wait, 10)
        assert len(waiting[0].made) >= 2
        await asyncio.gather(busy, *[job.outputs for job in waiting])
        assert list(chain(*model.batches)) == [100, 1, 2, 3]


async def test_a_full_batch_runs_before_the_next_is_made() -> None:
    async with threaded() as (batcher, model):
        busy = await occupy(batcher, model)
        ready = FutureJob(inputs(1))
        last = jobs(batcher, 2)
        submit(batcher, ready, *last)
        model.open.set()
        await asyncio.gather(busy, ready.outputs, last[0].outputs)
        assert model.batches == [[100], [1], [2]]


async def test_every_thread_makes_its_own() -> None:
    async with threaded(threads=2) as (batcher, model):
        model.open.clear()
        waiting = jobs(batcher, *range(6))
        submit(batcher, *waiting)
        await until(lambda: len(model.batches) == 2)
        model.open.set()
        await asyncio.gather(*[job.outputs for job in waiting])
        assert len(model.threads) == 2
        assert {job.thread for job in waiting} <= model.threads
        assert sorted(model.batches) == [[number] for number in range(6)]


@pytest.mark.parametrize("error", [ValueError("damaged"), MemoryError(), SystemExit(1)])
async def test_no_error_ends_the_models_thread(error: BaseException) -> None:
    def fail() -> Arrays:
        raise error

    async with threaded() as (batcher, _):
        broken = Made(batcher, fail, [])
        submit(batcher, broken, *(others := jobs(batcher, 1)))
        with pytest.raises(ModelFailed, match=type(error).__name__):
            await broken.outputs
        assert answer(await others[0].outputs) == [2]


async def test_what_was_dropped_gives_its_place_to_the_next() -> None:
    async with threaded() as (batcher, model):
        busy = await occupy(batcher, model)
        waiting = jobs(batcher, 1, 2, 3)
        submit(batcher, *waiting)
        batcher.drop(waiting[0])
        model.open.set()
        await asyncio.gather(busy, *[job.outputs for job in waiting[1:]])
        assert model.batches == [[100], [2], [3]]


async def test_an_idle_thread_keeps_nothing_of_what_it_ran() -> None:
    async with threaded() as (batcher, _):
        job = FutureJob(inputs(1))
        kept = weakref.ref(job.inputs["x"])
        submit(batcher, job)
        await job.outputs
        del job
        await until(lambda: vars(batcher)["_idle"])
        assert kept() is None


async def test_requests_with_and_without_inputs_take_turns_as_they_came() -> None:
    async with threaded() as (batcher, model):
        busy = await occupy(batcher, model)
        model.delay = 0.02
        first, second = jobs(batcher, 1, 3)
        tensors = [FutureJob(inputs(number)) for number in (2, 4, 5)]
        submit(batcher, first, tensors[0], second, *tensors[1:])
        model.open.set()
        await asyncio.gather(busy, *[job.outputs for job in (first, second, *tensors)])
        order = list(chain(*model.batches))
        assert order.index(1) < order.index(4)
        assert order.index(3) < order.index(5)


async def test_what_its_client_leaves_is_never_made() -> None:
    async with threaded() as (batcher, model):
        busy = await occupy(batcher, model)
        left, stays = jobs(batcher, 1, 2)
        submit(batcher, left, stays)
        batcher.drop(left)
        model.open.set()
        await asyncio.gather(busy, stays.outputs)
        assert stays.made == [stays]
