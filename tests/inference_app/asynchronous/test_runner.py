"""A worker's attempts, with real models and a real Redis, and without Celery."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from inference_app.asynchronous.job import Outcome, Status
from inference_app.asynchronous.runner import Runner
from inference_app.asynchronous.store import JobStore
from inference_app.contract import JobResult
from inference_app.metrics import Metrics
from inference_app.models import Models, find
from inference_app.settings import Settings
from tests.drills import versions
from tests.inference_app.asynchronous.test_store import make, request
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty")]

SETTINGS = Settings.model_validate({"jobs_max_attempts": 2})
BODY = versions.questions(versions.found(SETTINGS.model_repository))[0].body


@pytest.fixture
async def store(redis: RedisServer) -> AsyncGenerator[JobStore]:
    made = make(redis)
    yield made
    await made.close()


@pytest.fixture
async def loading() -> Models:
    """Models that are not ready."""
    return Models(find(SETTINGS), SETTINGS, Metrics())


@pytest.fixture
async def models(loading: Models) -> AsyncGenerator[Models]:
    await loading.start()
    yield loading
    loading.close()


async def outcome_of(store: JobStore, job_id: str) -> Outcome:
    found = await store.outcome(job_id)
    assert found is not None
    return found


def results(models: Models) -> dict[JobResult, int]:
    return {result: count for result, count in models.metrics.jobs["digits"].results.items() if count}


async def test_a_job_waits_for_a_model_that_is_not_ready_and_fails_when_it_never_is(
    loading: Models, store: JobStore
) -> None:
    runner = Runner(loading, store, SETTINGS)
    job = await store.submit(request(BODY))
    assert await runner.run(job.id) == 1.0
    assert (await store.state(job.id)).status is Status.QUEUED
    assert await runner.run(job.id) is None
    outcome = await outcome_of(store, job.id)
    assert (outcome.code, json.loads(outcome.answer.body)) == (503, {"error": "the model is loading"})
    assert results(loading) == {JobResult.RETRIED: 1, JobResult.FAILED: 1}


async def test_bad_input_is_never_tried_again(models: Models, store: JobStore) -> None:
    job = await store.submit(request(b'{"inputs": [1]}'))
    assert await Runner(models, store, SETTINGS).run(job.id) is None
    assert (await outcome_of(store, job.id)).code == 400
    assert results(models) == {JobResult.FAILED: 1}


async def test_a_job_that_ends_every_worker_is_given_up(models: Models, store: JobStore) -> None:
    job = await store.submit(request(BODY))
    for _ in range(SETTINGS.jobs_max_attempts):
        assert await store.begin(job.id)
    assert await Runner(models, store, SETTINGS).run(job.id) is None
    outcome = await outcome_of(store, job.id)
    assert (outcome.code, b"after 2 attempts" in outcome.answer.body) == (500, True)


async def test_the_answer_of_a_job_that_is_cancelled_meanwhile_is_discarded(
    models: Models, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await store.submit(request(BODY))
    infer = models.get("digits").enter().batcher.infer

    async def cancelled_meanwhile(*given: Any) -> Any:
        await store.cancel(job.id)
        return await infer(*given)

    monkeypatch.setattr(models.get("digits").enter().batcher, "infer", cancelled_meanwhile)
    assert await Runner(models, store, SETTINGS).run(job.id) is None
    assert (await store.state(job.id)).status is Status.CANCELLED
    assert results(models) == {JobResult.DISCARDED: 1}


async def test_a_worker_waits_for_a_redis_that_is_away_for_a_moment(
    redis: RedisServer, models: Models, store: JobStore
) -> None:
    job = await store.submit(request(BODY))
    redis.kill()
    running = asyncio.create_task(Runner(models, store, SETTINGS).run(job.id))
    await asyncio.to_thread(redis.start)
    assert await running is None
    assert (await store.state(job.id)).status is Status.SUCCEEDED
