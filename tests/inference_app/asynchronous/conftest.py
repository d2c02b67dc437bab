"""A Redis that keeps what it confirms, servers that take jobs and workers that run them."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from inference_app.contract import Route
from inference_app.process import ServerProcess
from tests.redis_server import PASSWORD, RedisServer

WORKER = "inference_app.asynchronous"
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Generator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis"), DURABLE) as server:
        yield server


@pytest.fixture(scope="module")
def caller(redis: RedisServer) -> Generator[httpx.Client]:
    """Of a server that takes jobs."""
    with serving(redis) as client:
        yield client


@pytest.fixture
def empty(redis: RedisServer) -> None:
    with redis.client() as owner:
        owner.flushall()


def environment(redis: RedisServer, **variables: str) -> dict[str, str]:
    return {"JOBS_URL": redis.url, "JOBS_PASSWORD": PASSWORD, **variables}


@contextmanager
def serving(redis: RedisServer, **variables: str) -> Generator[httpx.Client]:
    with (
        ServerProcess(environment(redis, **variables)) as process,
        httpx.Client(base_url=process.url(), timeout=30) as client,
    ):
        process.until("ready")
        yield client


@contextmanager
def working(redis: RedisServer, **variables: str) -> Generator[ServerProcess]:
    with ServerProcess(environment(redis, **variables), module=WORKER) as process:
        process.until("consuming", timeout=60)
        yield process


def submit(caller: httpx.Client, body: bytes, **headers: str) -> str:
    """The path of a job that the server took."""
    answer = caller.post(Route.JOBS, content=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


def finished(caller: httpx.Client, job: str, seconds: float = 60) -> dict[str, Any]:
    """Its state when it is final."""
    deadline = time.monotonic() + seconds
    while True:
        state = caller.get(job).raise_for_status().json()
        if state["status"] not in ("queued", "running"):
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.02)
