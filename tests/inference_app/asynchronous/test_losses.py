"""Jobs while their workers and their Redis are killed: none is lost, and none has two answers."""

import signal
from collections.abc import Sequence

import httpx
import pytest

from inference_app.contract import JOB_QUEUE, JOBS_OPEN, Route
from inference_app.settings import Settings
from tests.drills import versions
from tests.inference_app.asynchronous.conftest import finished, submit, working
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty")]

QUESTIONS = [question.body for question in versions.questions(versions.found(Settings().model_repository))]
JOBS = 200
BRIEF = {"JOBS_TIMEOUT_SECONDS": "1", "JOBS_CONCURRENCY": "16"}
"""A lost job comes back after 5 seconds."""


@pytest.fixture(scope="module")
def expected(caller: httpx.Client) -> Sequence[str]:
    """What `/predict` says to each question."""
    return [caller.post(Route.PREDICT, content=body).text for body in QUESTIONS]


def submit_all(caller: httpx.Client) -> list[str]:
    return [submit(caller, QUESTIONS[number % len(QUESTIONS)]) for number in range(JOBS)]


def answers(caller: httpx.Client, jobs: Sequence[str]) -> list[str]:
    for job in jobs:
        finished(caller, job)
    return [caller.get(f"{job}/result").text for job in jobs]


def open_jobs(redis: RedisServer) -> int:
    with redis.client() as owner:
        return int(owner.zcard(JOBS_OPEN))  # pyright: ignore[reportArgumentType] - not awaitable here


def right(expected: Sequence[str]) -> list[str]:
    return [expected[number % len(expected)] for number in range(JOBS)]


def test_jobs_of_a_worker_that_is_killed_are_run_by_another(
    redis: RedisServer, caller: httpx.Client, expected: Sequence[str]
) -> None:
    with working(redis, **BRIEF) as first:
        first.send(signal.SIGSTOP)
        jobs = submit_all(caller)
        first.send(signal.SIGCONT)
        finished(caller, jobs[0])
        first.send(signal.SIGKILL)
        first.wait()
        left = open_jobs(redis)
    with working(redis, **BRIEF):
        assert answers(caller, jobs) == right(expected)
    assert left > 0
    assert open_jobs(redis) == 0


def test_a_message_that_dies_with_a_worker_on_its_way_to_it_is_made_anew(
    redis: RedisServer, caller: httpx.Client, expected: Sequence[str]
) -> None:
    job = submit(caller, QUESTIONS[0])
    with redis.client() as owner:
        assert owner.rpop(JOB_QUEUE)
    with working(redis, **BRIEF) as worker:
        assert answers(caller, [job]) == [expected[0]]
        assert worker.until("lost jobs are queued again")["times"] == 1


def test_what_a_stopped_worker_has_not_done_another_does_at_once(
    redis: RedisServer, caller: httpx.Client, expected: Sequence[str]
) -> None:
    with working(redis) as first:
        first.send(signal.SIGSTOP)
        jobs = submit_all(caller)
        first.send(signal.SIGTERM)
        first.send(signal.SIGCONT)
        assert first.wait() == 0
        left = open_jobs(redis)
    with working(redis):  # a lost job would take 150 seconds to come back
        assert answers(caller, jobs) == right(expected)
    assert left > 0


def test_a_redis_that_is_killed_and_started_again_has_lost_no_job(
    redis: RedisServer, caller: httpx.Client, expected: Sequence[str]
) -> None:
    with working(redis, **BRIEF):
        jobs = submit_all(caller)
        redis.kill()
        refused = caller.post(Route.JOBS, content=QUESTIONS[0])
        ready = caller.get(Route.READY)
        redis.start()
        assert answers(caller, jobs) == right(expected)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert ready.status_code == 200
