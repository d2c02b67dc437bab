"""Celery between a real queue and what would run jobs: attempts, pauses and ends."""

# pyright: reportMissingTypeStubs=false

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from celery.worker import state

from inference_app.asynchronous.consumer import Consumer, Run
from inference_app.settings import Settings
from tests.inference_app.asynchronous.test_store import make, request
from tests.redis_server import PASSWORD, RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty")]

PATIENCE = 30


@contextmanager
def consuming(redis: RedisServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    monkeypatch.setattr(state, "should_stop", None)  # the process's own
    settings = Settings.model_validate({"jobs_url": redis.url, "jobs_password": PASSWORD, "jobs_concurrency": 4})
    ended = threading.Event()
    consumer = Consumer(settings, run, ended.set)
    consumer.start()
    try:
        yield
    finally:
        consumer.stop()
        assert ended.wait(PATIENCE)


def submit(redis: RedisServer) -> str:
    async def submitted() -> str:
        store = make(redis)
        job = await store.submit(request())
        await store.close()
        return job.id

    return asyncio.run(submitted())


def test_a_job_is_tried_again_after_its_pause_and_after_what_nobody_foresaw(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[str] = []
    done = threading.Event()

    def run(job_id: str) -> float | None:
        attempts.append(job_id)
        if len(attempts) == 1:
            return 0.1
        if len(attempts) == 2:
            raise RuntimeError("nobody foresaw")
        done.set()
        return None

    with consuming(redis, run, monkeypatch):
        job = submit(redis)
        assert done.wait(PATIENCE)
    assert attempts == [job] * 3


def test_a_worker_has_as_many_jobs_in_hand_as_it_may(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    met = threading.Event()
    together = threading.Barrier(4, met.set)

    def run(_: str) -> None:
        together.wait(PATIENCE)

    for _ in range(4):
        submit(redis)
    with consuming(redis, run, monkeypatch):
        assert met.wait(PATIENCE)
