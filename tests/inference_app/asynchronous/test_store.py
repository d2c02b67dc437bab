"""Jobs in a real Redis, each step by itself."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from inference_app.asynchronous.errors import (
    JobCancelled,
    JobFinished,
    JobsUnavailable,
    KeyReused,
    TooManyJobs,
    UnknownJob,
)
from inference_app.asynchronous.job import Outcome, Status
from inference_app.asynchronous.request import JobRequest
from inference_app.asynchronous.store import JobStore
from inference_app.contract import JOB_QUEUE, JOBS_OPEN
from inference_app.errors import BadRequest
from inference_app.protocols.call import Answer
from inference_app.settings import Settings
from tests.processes import until
from tests.redis_server import PASSWORD, RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty")]

BODY = b'{"inputs": [1]}'
FIRST, SECOND = (Outcome(code=200, answer=Answer(text)) for text in (b"first", b"second"))


@pytest.fixture
async def store(redis: RedisServer) -> AsyncGenerator[JobStore]:
    made = make(redis)
    yield made
    await made.close()


def make(redis: RedisServer, **given: object) -> JobStore:
    return JobStore(Settings.model_validate({"jobs_url": redis.url, "jobs_password": PASSWORD, **given}))


def request(body: bytes = BODY, **headers: str) -> JobRequest:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return JobRequest.of("digits", body, named)


async def test_a_worker_gets_what_the_caller_sent(store: JobStore) -> None:
    job = await store.submit(request(content_type="image/png"))
    begun = await store.begin(job.id)
    assert begun is not None
    assert (begun.model, begun.content_type, begun.body, begun.attempts) == ("digits", b"image/png", BODY, 1)
    assert (await store.state(job.id)).status is Status.RUNNING


async def test_the_first_answer_is_the_only_one(store: JobStore) -> None:
    job = await store.submit(request())
    assert await store.begin(job.id)
    assert await store.begin(job.id)
    assert await store.finish(job.id, FIRST, succeeded=True)
    assert not await store.finish(job.id, SECOND, succeeded=False)
    assert await store.outcome(job.id) == FIRST
    assert await store.begin(job.id) is None


async def test_a_job_without_an_answer_has_no_outcome(store: JobStore) -> None:
    job = await store.submit(request())
    assert await store.outcome(job.id) is None
    with pytest.raises(UnknownJob, match="forgotten 3600 s after its end"):
        await store.outcome("no-such-job")


async def test_a_job_that_is_cancelled_while_it_waits_never_begins(store: JobStore) -> None:
    job = await store.submit(request())
    await store.cancel(job.id)
    await store.cancel(job.id)
    assert await store.begin(job.id) is None
    with pytest.raises(JobCancelled):
        await store.outcome(job.id)


async def test_the_answer_of_a_job_that_is_cancelled_while_it_runs_is_dropped(store: JobStore) -> None:
    job = await store.submit(request())
    assert await store.begin(job.id)
    await store.cancel(job.id)
    assert not await store.finish(job.id, FIRST, succeeded=True)
    assert (await store.state(job.id)).status is Status.CANCELLED


async def test_what_is_finished_cannot_be_cancelled(store: JobStore) -> None:
    job = await store.submit(request())
    await store.finish(job.id, FIRST, succeeded=True)
    with pytest.raises(JobFinished, match="succeeded"):
        await store.cancel(job.id)
    with pytest.raises(UnknownJob):
        await store.cancel("no-such-job")


async def test_bodies_go_with_the_job_and_jobs_with_their_time(redis: RedisServer) -> None:
    store = make(redis, jobs_result_ttl_seconds=1)
    job = await store.submit(request())
    await store.finish(job.id, FIRST, succeeded=True)
    with redis.client() as owner:
        assert not [key for key in owner.keys(f"{JOB_QUEUE}:job:*") if owner.hexists(key, "body")]
        key = f"{JOB_QUEUE}:job:{job.id}"
        await asyncio.to_thread(until, lambda: not owner.exists(key), "end of the job's time")
    with pytest.raises(UnknownJob):
        await store.state(job.id)
    await store.close()


async def test_the_same_request_under_one_idempotency_key_is_one_job(store: JobStore) -> None:
    first = await store.submit(request(idempotency_key="order-7"))
    again = await store.submit(request(idempotency_key="order-7"))
    other = await store.submit(request(idempotency_key="order-8"))
    without = await store.submit(request())
    assert again.id == first.id
    assert len({first.id, other.id, without.id}) == 3


async def test_another_request_may_not_take_a_key_that_has_one(store: JobStore) -> None:
    await store.submit(request(idempotency_key="order-7"))
    with pytest.raises(KeyReused):
        await store.submit(request(b'{"inputs": [2]}', idempotency_key="order-7"))
    with pytest.raises(KeyReused):
        await store.submit(request(idempotency_key="order-7", content_type="text/plain"))


async def test_idempotency_keys_are_each_callers_own(store: JobStore) -> None:
    mine = await store.submit(request(idempotency_key="order-7", x_api_key="mine"))
    yours = await store.submit(request(idempotency_key="order-7", authorization="Bearer yours"))
    assert mine.id != yours.id


async def test_a_key_is_free_again_when_its_job_is_gone(redis: RedisServer, store: JobStore) -> None:
    first = await store.submit(request(idempotency_key="order-7"))
    with redis.client() as owner:
        owner.delete(f"{JOB_QUEUE}:job:{first.id}")
    assert (await store.submit(request(idempotency_key="order-7"))).id != first.id


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_an_idempotency_key_has_a_length(key: str) -> None:
    with pytest.raises(BadRequest, match=f"1 to 255 characters, got {len(key)}"):
        request(idempotency_key=key)


async def test_no_more_jobs_are_taken_than_may_be_open(redis: RedisServer) -> None:
    store = make(redis, jobs_max_open=2)
    first, _ = await store.submit(request()), await store.submit(request(idempotency_key="k"))
    with pytest.raises(TooManyJobs, match="2 jobs have no answer"):
        await store.submit(request())
    assert await store.submit(request(idempotency_key="k"))
    await store.finish(first.id, FIRST, succeeded=True)
    assert await store.submit(request())
    await store.close()


async def test_only_jobs_without_a_message_are_lost(redis: RedisServer, store: JobStore) -> None:
    jobs = [await store.submit(request()) for _ in range(3)]
    with redis.client() as owner:
        owner.rpop(JOB_QUEUE)
        owner.zadd(JOBS_OPEN, {job.id: number for number, job in enumerate(jobs, 1)})  # touched long ago
        assert await store.recover(60) == 1
        assert await store.recover(60) == 0
        assert owner.llen(JOB_QUEUE) == 3
        assert jobs[0].id.encode() in owner.lindex(JOB_QUEUE, 0)  # pyright: ignore[reportOperatorIssue]


async def test_jobs_whose_time_is_over_are_not_open_for_ever(redis: RedisServer, store: JobStore) -> None:
    with redis.client() as owner:
        owner.zadd(JOBS_OPEN, {"expired": 1})
        assert await store.recover(60) == 0
        assert owner.zcard(JOBS_OPEN) == 0


async def test_a_redis_that_is_full_is_a_reason_to_try_later(redis: RedisServer, store: JobStore) -> None:
    with redis.client() as owner:
        owner.config_set("maxmemory", "1mb")
        try:
            with pytest.raises(JobsUnavailable) as refused:
                await store.submit(request())
        finally:
            owner.config_set("maxmemory", "0")
        assert owner.zcard(JOBS_OPEN) == owner.llen(JOB_QUEUE) == 0
    assert refused.value.headers["Retry-After"] == "1"


async def test_a_redis_that_says_nothing_keeps_nobody_waiting_for_long(redis: RedisServer, store: JobStore) -> None:
    job = await store.submit(request())
    with redis.stalled():
        async with asyncio.timeout(20):
            with pytest.raises(JobsUnavailable, match="TimeoutError"):
                await store.state(job.id)
    assert (await store.state(job.id)).id == job.id


async def test_the_backlog_is_all_jobs_without_an_answer_and_how_long_the_first_of_them_waits(
    store: JobStore, redis: RedisServer
) -> None:
    none = await store.backlog()
    first, second = await store.submit(request()), await store.submit(request())
    with redis.client() as owner:
        owner.zincrby(JOBS_OPEN, -60, second.id)
    assert (none.jobs, none.oldest_seconds) == (0, 0)
    both = await store.backlog()
    assert await store.begin(second.id)
    begun = await store.backlog()
    assert await store.finish(first.id, FIRST, succeeded=True)
    last = await store.backlog()

    assert (both.jobs, begun.jobs, last.jobs) == (2, 2, 1)
    assert 60 <= both.oldest_seconds < 65
    assert begun.oldest_seconds < 5
