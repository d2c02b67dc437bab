"""A worker beside a server, as a caller sees them."""

import json
import signal
from collections.abc import Generator

import httpx
import pytest

from inference_app.asynchronous.job import Status
from inference_app.contract import JOB_WAIT, JOBS, Route
from inference_app.process import ServerProcess
from inference_app.settings import Settings
from tests.drills import versions
from tests.inference_app.asynchronous.conftest import finished, submit, working
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty", "worker")]

FOLDER = Settings().model_repository
BODY = versions.questions(versions.found(FOLDER))[0].body
IMAGE = next((FOLDER / "digits" / "1" / "samples").glob("*.png"))
MARK = 4242.4242


@pytest.fixture(scope="module")
def worker(redis: RedisServer) -> Generator[ServerProcess]:
    with working(redis) as process:
        yield process


@pytest.mark.parametrize(("body", "kind"), [(BODY, "application/json"), (IMAGE.read_bytes(), "image/png")])
def test_a_job_answers_what_predict_answers(caller: httpx.Client, body: bytes, kind: str) -> None:
    job = submit(caller, body, **{"content-type": kind})
    assert finished(caller, job)["status"] == Status.SUCCEEDED
    result = caller.get(f"{job}/result")
    predicted = caller.post(Route.PREDICT, content=body, headers={"content-type": kind})
    assert (result.status_code, result.content) == (200, predicted.content)
    assert result.headers["content-type"] == predicted.headers["content-type"]


def test_callers_are_freed_at_once_whatever_the_worker_does(caller: httpx.Client, worker: ServerProcess) -> None:
    worker.send(signal.SIGSTOP)
    try:
        answers = [caller.post(Route.JOBS, content=BODY) for _ in range(50)]
    finally:
        worker.send(signal.SIGCONT)
    assert {answer.status_code for answer in answers} == {202}
    assert {finished(caller, answer.headers["location"])["status"] for answer in answers} == {Status.SUCCEEDED}


def test_a_finished_job_cannot_be_cancelled(caller: httpx.Client) -> None:
    job = submit(caller, BODY)
    finished(caller, job)
    assert caller.delete(job).status_code == 409


def test_a_worker_says_what_it_did_and_nothing_of_what_it_was_sent(caller: httpx.Client, worker: ServerProcess) -> None:
    inputs = json.loads(BODY)
    inputs[0][0][0] = MARK
    finished(caller, submit(caller, json.dumps(inputs).encode()))
    metrics = httpx.get(worker.url() + Route.METRICS).text
    counts = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    assert float(counts[f'{JOBS.name}{{model="digits",result="succeeded"}}']) >= 1
    assert float(counts[f'{JOB_WAIT.name}_count{{model="digits"}}']) >= 1
    assert str(MARK) not in "".join(worker.output)
