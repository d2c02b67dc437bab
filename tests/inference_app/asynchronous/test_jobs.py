"""A server that takes jobs which nobody runs yet, as a caller sees it."""

from pathlib import Path

import httpx
import pytest

from inference_app.contract import JOBS_OPEN, OLDEST_JOB, OPEN_JOBS, Route
from inference_app.settings import Settings
from tests.drills import versions
from tests.inference_app.asynchronous.conftest import serving, submit
from tests.processes import until
from tests.redis_server import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty")]

FOLDER = Settings().model_repository
BODY = versions.questions(versions.found(FOLDER))[0].body
KEY = "a-key-of-the-test"


def test_callers_are_freed_at_once_while_nobody_works(caller: httpx.Client) -> None:
    answer = caller.post(Route.JOBS, content=BODY, params={"model": "digits"})
    state = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/jobs/{state['id']}")
    assert (state["status"], state["model"], state["attempts"], state["finished_at"]) == ("queued", "digits", 0, None)
    pending = caller.get(state["result"])
    assert (pending.status_code, pending.json(), pending.headers["retry-after"]) == (202, state, "1")
    assert caller.post(Route.PREDICT, content=BODY).status_code == 200


@pytest.mark.parametrize(
    ("body", "parameters", "headers", "status"),
    [
        (b'{"inputs": [1]}', {}, {}, 400),
        (b"not an image", {}, {"content-type": "image/png"}, 400),
        (BODY, {"model": "nobody"}, {}, 404),
        (BODY, {}, {"content-type": "video/mp4"}, 415),
        (BODY, {}, {"content-encoding": "gzip"}, 415),
        (BODY, {}, {"idempotency-key": "k" * 256}, 400),
        (b" " * (1024 * 1024 + 1), {}, {}, 413),
    ],
)
def test_what_predict_would_refuse_is_refused_at_once_and_never_queued(
    redis: RedisServer,
    caller: httpx.Client,
    body: bytes,
    parameters: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    answer = caller.post(Route.JOBS, content=body, params=parameters, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]
    with redis.client() as owner:
        assert owner.zcard(JOBS_OPEN) == 0


def test_a_key_sent_again_finds_its_job_and_no_other_request_may_have_it(caller: httpx.Client) -> None:
    job = submit(caller, BODY, **{"Idempotency-Key": "order-7"})
    assert submit(caller, BODY, **{"Idempotency-Key": "order-7"}) == job
    other = caller.post(Route.JOBS, content=b" " + BODY, headers={"Idempotency-Key": "order-7"})
    assert (other.status_code, "take a new key" in other.json()["error"]) == (422, True)


def test_a_job_that_is_cancelled_never_reaches_a_worker(caller: httpx.Client) -> None:
    job = submit(caller, BODY)
    cancelled = caller.delete(job)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert caller.get(f"{job}/result").status_code == 410
    assert caller.get(job).json()["attempts"] == 0


def test_a_job_nobody_knows_is_not_found(caller: httpx.Client) -> None:
    for answer in (caller.get("/jobs/nobody"), caller.get("/jobs/nobody/result"), caller.delete("/jobs/nobody")):
        assert (answer.status_code, "is forgotten 3600 s after its end" in answer.json()["error"]) == (404, True)


def test_jobs_need_the_keys_and_have_the_limits_of_the_server(redis: RedisServer) -> None:
    with serving(redis, API_KEYS=KEY, JOBS_MAX_OPEN="1") as client:
        refused = client.post(Route.JOBS, content=BODY)
        job = submit(client, BODY, **{"X-API-Key": KEY})
        hidden = client.get(job)
        full = client.post(Route.JOBS, content=BODY, headers={"X-API-Key": KEY})
    assert (refused.status_code, hidden.status_code) == (401, 401)
    assert (full.status_code, full.headers["retry-after"]) == (429, "5")


def test_a_server_without_jobs_knows_no_such_path(server: httpx.Client) -> None:
    assert server.post(Route.JOBS, content=BODY).status_code == 404
    assert Route.JOBS not in server.get("/openapi.json").json()["paths"]


def test_the_api_is_described(caller: httpx.Client) -> None:
    paths = caller.get("/openapi.json").json()["paths"]
    assert set(paths[Route.JOBS]["post"]["responses"]) >= {"202", "400", "404", "413", "422", "429", "503"}
    assert set(paths["/jobs/{job}"]) == {"get", "delete"}
    assert paths[Route.JOBS]["post"]["requestBody"]["content"]["application/json"]


def test_a_server_tells_how_many_jobs_are_open_for_as_long_as_it_knows(tmp_path: Path) -> None:
    def told(caller: httpx.Client) -> dict[str, float]:
        lines = caller.get(Route.METRICS).text.splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        names = {OPEN_JOBS.name, OLDEST_JOB.name} & set(values)
        return {name: float(values[name]) for name in names}

    with RedisServer(tmp_path) as own, serving(own) as caller:
        submit(caller, BODY)
        submit(caller, BODY)
        open_jobs = until(lambda: told(caller).get(OPEN_JOBS.name), "jobs that are told of")
        waited = until(lambda: told(caller)[OLDEST_JOB.name], "time that they wait")
        own.kill()
        until(lambda: told(caller) == {}, "nothing told", 20)

    assert open_jobs == 2
    assert 0 < waited < 30
