"""The number of workers follows the jobs without an answer: a real Redis, KEDA, and Kubernetes' own controllers.

No pod runs: one worker on loopback, which comes and goes, stands for all.
"""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from inference_app.asynchronous.request import JobRequest
from inference_app.process import ServerProcess
from infra.serving.track import WORKER
from tests.cluster import nodes, stacks
from tests.cluster.control_plane import ControlPlane
from tests.cluster.keda import NAMESPACE as SCALERS
from tests.cluster.keda import asking, keda
from tests.cluster.objects import applied
from tests.cluster.replicas import Replicas
from tests.cluster.served import NAMESPACE, forget
from tests.drills import versions
from tests.job_queue import submit
from tests.processes import HOST, until
from tests.redis_server import RedisServer

MODELS = stacks.ROOT / "inference_app" / "model_repository"
PASSWORD = "a-secret"  # what a test's manifests have for whatever `up` makes up
JOBS, PER_WORKER, WANTED = 10, 4, 3
QUIET = 15
KEDA_LOOKS, KUBERNETES_LOOKS = 30, 15
"""Seconds between two looks at a queue that has no worker, and at one that has."""


@pytest.fixture
def redis(tmp_path: Path) -> Generator[RedisServer]:
    with RedisServer(tmp_path, ("--requirepass", PASSWORD)) as server:
        yield server


@pytest.fixture
def replicas(plane: ControlPlane, redis: RedisServer) -> Generator[Replicas]:
    """Of the workers of a stack that rests without jobs."""
    bounds = {"replicas": {"min": 0, "max": 5}, "jobsPerWorker": PER_WORKER, "scaleDownSeconds": QUIET}
    serving = {"asynchronous": bounds, "replicas": {"max": 4}}  # so that both fit the GPU pools
    stack = stacks.shipped("prod", {"serving": serving}, ("aks", "training", "mlflow", "backups"))
    address = f"{HOST}:{redis.port}"
    wanted = [asking(each, "redis", address=address) for each in stack.objects["eks"] if is_of_workers(each)]
    spot = nodes.pools(stack.plan, "eks")["spot"]
    with ExitStack() as running:
        running.enter_context(keda(plane))
        nodes.add(plane.api, [spot.node(f"spot-{number}") for number in range(5)])
        running.callback(forget, plane.api, "v1 Node")
        told = running.enter_context(Replicas(plane.api, NAMESPACE, WORKER))
        running.enter_context(applied(plane.api, wanted))
        yield told


def is_of_workers(document: Mapping[str, Any]) -> bool:
    """Their objects and namespace, and what KEDA logs in to their queue with."""
    metadata = document["metadata"]
    is_theirs = metadata["name"].startswith(WORKER) or metadata["name"] in (NAMESPACE, f"{NAMESPACE}-job-queue")
    return is_theirs and metadata.get("namespace") in (None, NAMESPACE, SCALERS)


def settings(redis: RedisServer) -> dict[str, str]:
    return {"JOBS_URL": redis.url, "JOBS_PASSWORD": PASSWORD}


def jobs(count: int) -> list[JobRequest]:
    """Of different bodies."""
    asked = versions.questions(versions.found(MODELS))
    headers = {b"content-type": b"application/json"}
    return [JobRequest.of(versions.NAME, asked[number % len(asked)].body, headers) for number in range(count)]


@pytest.mark.timeout(600)
def test_workers_come_with_jobs_stay_while_the_queue_is_silent_and_go_when_all_are_answered(
    replicas: Replicas, redis: RedisServer
) -> None:
    def reach(count: int, seconds: float) -> float:
        begun = replicas.seconds
        until(lambda: replicas.now == count, f"{count} workers", seconds)
        return replicas.changes[-1].seconds - begun

    reach(0, 120)
    asyncio.run(submit(settings(redis), jobs(JOBS)))
    come = reach(WANTED, 120)
    begun = replicas.seconds
    with redis.stalled():
        until(lambda: replicas.seconds > begun + 5 * KUBERNETES_LOOKS, "time", 6 * KUBERNETES_LOOKS)
    silent = replicas.since(begun)
    with ServerProcess(settings(redis), module="inference_app.asynchronous"):
        gone = reach(0, 240)

    assert silent == []
    assert come <= KEDA_LOOKS + 2 * KUBERNETES_LOOKS
    assert gone <= QUIET + 2 * KEDA_LOOKS
