"""A real process: how it starts, what its settings limit, and how it stops."""

import json
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from inference_app.process import ServerProcess
from inference_app.repository import ModelVersion
from tests.drills import versions
from tests.drills.client import Load, Outcome

pytestmark = pytest.mark.slow
JSON = {"Content-Type": "application/json"}


def wait_until_unready(url: str) -> float:
    """Seconds until /ready fails; each look is a connection of its own, as a prober's is."""
    started = time.monotonic()
    while httpx.get(f"{url}/ready").status_code == 200:
        pass
    return time.monotonic() - started


def test_a_stop_under_load_loses_no_request(digits: ModelVersion) -> None:
    with ServerProcess({"DRAIN_SECONDS": "2", "GRACE_SECONDS": "10"}) as process:
        url = process.url()
        process.until("ready")
        with Load(url, versions.questions([digits])) as load:
            load.reach(20)
            process.send(signal.SIGTERM)
            seconds_to_unready = wait_until_unready(url)
            draining = httpx.get(f"{url}/ready")
        code = process.wait()
    assert seconds_to_unready < 1.5
    assert draining.json() == {"error": "the server is stopping"}
    assert {request.outcome for request in load.requests} == {Outcome.ANSWERED}
    assert not load.requests[0].closing
    assert any(request.closing for request in load.requests)
    assert code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_at_the_end_of_the_drain_is_answered(
    example: list[Any], metric: Callable[..., float], number: signal.Signals
) -> None:
    with ServerProcess({"DRAIN_SECONDS": "0", "MAX_BATCH_DELAY_MS": "1500"}) as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client, ThreadPoolExecutor(1) as pool:
            answer = pool.submit(client.post, "/predict", content=json.dumps(example), headers=JSON)
            with httpx.Client(base_url=process.url()) as observer:
                while metric(observer, "inference_queue_size") < 1:
                    pass
            process.send(number)
            assert answer.result().status_code == 200
        assert process.wait() == 0
    assert [line for line in process.output if '"ERROR"' in line] == []


def test_a_second_sigterm_ends_the_drain() -> None:
    with ServerProcess({"DRAIN_SECONDS": "30", "GRACE_SECONDS": "60"}) as process:
        process.until("ready")
        process.send(signal.SIGTERM)
        process.until("draining")
        process.send(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
