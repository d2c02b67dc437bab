"""Jobs whose inputs are made when their turn comes soon: their place, their order, and who is spared the work."""

import asyncio
import time

import pytest

from inference_app.batching import Batcher
from inference_app.errors import DeadlineExceeded, NotReady, QueueFull, TooLarge
from inference_app.jobs import FutureJob
from inference_app.runners import InlineBatcher, ThreadedBatcher
from inference_app.tensors import Arrays
from tests.inference_app.test_batching import KINDS, answer, inputs, occupy, queue, running, submit, until


class Later(FutureJob):
    """A job without inputs, which notes that it is told to prepare."""

    is_prepared = False

    def __init__(self, told: list[float], *values: float) -> None:
        super().__init__({})
        self.made = inputs(*values)
        self.told = told

    def prepare(self) -> None:
        """Note it."""
        self.told.append(self.made["x"][0, 0])

    def hand_in(self, batcher: Batcher) -> None:
        """The inputs are here."""
        self.inputs = self.made
        batcher.prepared(self)


def later(told: list[float], *values: float) -> list[Later]:
    return [Later(told, value) for value in values]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_job_is_told_at_once_while_the_model_is_free_and_runs_when_it_is_prepared(kind: type[Batcher]) -> None:
    async with running(kind) as (batcher, model, metrics):
        job = Later(told := [], 1)
        submit(batcher, job)
        assert (told, metrics.queue_size()) == ([1], 1)
        assert answer(await batcher.infer(inputs(2))) == [4]
        job.hand_in(batcher)
        assert answer(await job.outputs) == [2]
        assert (model.batches, metrics.queue_size()) == ([[2], [1]], 0)


@pytest.mark.parametrize(("threads", "ahead"), [(1, 4), (2, 6)])
async def test_a_batch_for_each_thread_and_one_more_are_prepared_ahead_in_order(threads: int, ahead: int) -> None:
    async with running(max_batch_size=2) as (batcher, model, _):
        vars(batcher)["_parallel"] = threads
        busy = await occupy(batcher, model)
        told: list[float] = []
        jobs = later(told, *range(8))
        submit(batcher, *jobs)
        assert told == list(range(ahead))
        for job in reversed(jobs[:ahead]):
            job.hand_in(batcher)
        model.open.set()
        await asyncio.gather(busy, *[job.outputs for job in jobs[:ahead]])
        assert model.batches[1:] == [[number, number + 1] for number in range(0, ahead, 2)]
        await until(lambda: told == list(range(8)))


async def test_what_was_parsed_at_once_and_what_was_not_take_turns_as_they_came() -> None:
    async with running(max_batch_size=1) as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        told: list[float] = []
        tasks = await queue(batcher, metrics, inputs(1), inputs(2))
        jobs = later(told, 3, 4)
        submit(batcher, *jobs)
        tasks += await queue(batcher, metrics, inputs(5))
        assert told == []
        model.open.set()
        await asyncio.gather(busy, *tasks[:2])
        await until(lambda: told == [3, 4])
        for job in jobs:
            job.hand_in(batcher)
        await asyncio.gather(*tasks, *[job.outputs for job in jobs])
        assert sorted(model.batches) == [[1], [2], [3], [4], [5], [100]]


async def test_a_place_in_the_queue_is_a_place_whether_prepared_or_not() -> None:
    async with running(max_queue_size=2) as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        told: list[float] = []
        first, second = later(told, 1, 2)
        submit(batcher, first, second)
        with pytest.raises(QueueFull, match="2 of at most 2 examples wait for the model, 1 more do not fit"):
            await batcher.infer(inputs(3))
        with pytest.raises(QueueFull):
            submit(batcher, *later(told, 4))
        batcher.drop(first)
        submit(batcher, *(others := later(told, 5)))
        for job in (second, *others):
            job.hand_in(batcher)
        model.open.set()
        await asyncio.gather(busy, second.outputs, *[job.outputs for job in others])
        assert (told, model.batches, metrics.rejected) == ([1, 2, 5], [[100], [2, 5]], 2)


async def test_a_job_that_turns_out_larger_than_a_batch_is_split_and_keeps_its_turn() -> None:
    async with running(max_batch_size=2) as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        job = Later([], 1, 2, 3)
        submit(batcher, job)
        tasks = await queue(batcher, metrics, inputs(7), inputs(8))
        job.hand_in(batcher)
        assert metrics.queue_size() == 5
        model.open.set()
        assert answer(await job.outputs) == [2, 4, 6]
        await asyncio.gather(busy, *tasks)
        assert model.batches == [[100], [1, 2], [3, 7], [8]]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_job_that_turns_out_larger_than_the_queue_gives_its_place_back(kind: type[Batcher]) -> None:
    async with running(kind, max_queue_size=2) as (batcher, _, metrics):
        job = Later([], 1, 2, 3)
        submit(batcher, job)
        with pytest.raises(TooLarge, match="at most 2 examples, got 3"):
            job.hand_in(batcher)
        assert metrics.queue_size() == 0
        assert answer(await batcher.infer(inputs(1, 2))) == [2, 4]


async def test_what_nobody_waits_for_any_more_makes_way_and_is_not_told() -> None:
    async with running(max_batch_size=1) as (batcher, model, _):
        busy = await occupy(batcher, model)
        told: list[float] = []
        jobs = later(told, 1, 2, 3, 4)
        submit(batcher, *jobs)
        assert told == [1, 2]
        batcher.drop(jobs[2])
        batcher.drop(jobs[0])
        assert told == [1, 2, 4]
        jobs[0].hand_in(batcher)  # it was on a thread all the while
        assert not jobs[0].is_prepared
        model.open.set()
        await busy


async def test_late_jobs_fail_while_they_wait_and_the_next_are_told() -> None:
    async with running(max_batch_size=1) as (batcher, model, metrics):
        busy = await occupy(batcher, model)
        told: list[float] = []
        jobs = later(told, 1, 2, 3)
        for job in jobs[:2]:
            batcher.submit(job, now := time.perf_counter(), now + 0.02)
        batcher.submit(jobs[2], time.perf_counter())
        for job in jobs[:2]:
            with pytest.raises(DeadlineExceeded):
                await job.outputs
        assert (told, metrics.queue_size()) == ([1, 2, 3], 1)
        model.open.set()
        await busy


async def test_a_late_job_never_runs_inline_either() -> None:
    async with running(InlineBatcher) as (batcher, model, _):
        job = Later([], 1)
        batcher.submit(job, now := time.perf_counter(), now + 0.01)
        await asyncio.sleep(0.02)
        job.hand_in(batcher)
        with pytest.raises(DeadlineExceeded):
            await job.outputs
        assert model.batches == []


@pytest.mark.parametrize("kind", KINDS)
async def test_closing_fails_what_is_not_prepared(kind: type[Batcher]) -> None:
    async with running(kind) as (batcher, _, metrics):
        job = Later([], 1)
        submit(batcher, job)
        batcher.close()
        with pytest.raises(NotReady):
            await job.outputs
        job.hand_in(batcher)
        assert metrics.queue_size() == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_delay_waits_for_a_batch_of_prepared_jobs(kind: type[Batcher]) -> None:
    async with running(kind, max_delay=10, max_batch_size=3) as (batcher, model, metrics):
        jobs = later([], 1, 2)
        submit(batcher, *jobs)
        tasks: list[asyncio.Future[Arrays]] = [*await queue(batcher, metrics, inputs(3))]
        await asyncio.sleep(0.02)
        assert model.batches == []
        for job in jobs:
            job.hand_in(batcher)
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, *[job.outputs for job in jobs])
        assert model.batches == [[1, 2, 3]]


async def test_an_idle_model_costs_nothing_while_a_job_is_being_prepared() -> None:
    async with running(ThreadedBatcher) as (batcher, _, _):
        submit(batcher, *later([], 1))
        before = time.process_time()
        await asyncio.sleep(0.2)
        assert time.process_time() - before < 0.1


async def test_an_idle_event_loop_too() -> None:
    async with running(InlineBatcher) as (batcher, _, _):
        job = Later([], 1)
        submit(batcher, job)
        assert answer(await batcher.infer(inputs(2))) == [4]
        assert vars(batcher)["_scheduled"] is None
