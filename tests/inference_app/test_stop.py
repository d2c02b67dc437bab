"""A real process that is told to stop."""

import json
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from inference_app.process import ServerProcess

LANES = 8
pytestmark = pytest.mark.slow
JSON = {"Content-Type": "application/json"}


class Load:
    """Clients that send one request after another, as behind a load balancer, until told that the server is unready."""

    def __init__(self, url: str, body: str) -> None:
        self._address = urlsplit(url).netloc
        self._body = body
        self._unready = threading.Event()
        self._pool = ThreadPoolExecutor(LANES)
        self._lanes: list[Future[list[tuple[int, bool]]]] = [self._pool.submit(self._send) for _ in range(LANES)]

    def stop(self) -> list[tuple[int, bool]]:
        """Status and whether the server asked to close, for every request ever sent."""
        self._unready.set()
        return [answer for lane in self._lanes for answer in lane.result()]

    def _send(self) -> list[tuple[int, bool]]:
        answers: list[tuple[int, bool]] = []
        with closing(HTTPConnection(self._address, timeout=10)) as connection:
            while not self._unready.is_set():
                connection.request("POST", "/predict", self._body, JSON)
                response = connection.getresponse()
                response.read()
                answers.append((response.status, response.getheader("connection") == "close"))
        return answers


def wait_until_unready(url: str) -> float:
    """Seconds until /ready fails; each look is a connection of its own, as a prober's is."""
    started = time.monotonic()
    while httpx.get(f"{url}/ready").status_code == 200:
        pass
    return time.monotonic() - started


def test_a_stop_under_load_loses_no_request(example: list[Any]) -> None:
    with ServerProcess({"DRAIN_SECONDS": "2", "GRACE_SECONDS": "10"}) as process:
        url = process.url()
        process.until("ready")
        load = Load(url, json.dumps(example))
        process_is_busy(url)
        process.send(signal.SIGTERM)
        seconds_to_unready = wait_until_unready(url)
        draining = httpx.get(f"{url}/ready")
        answers = load.stop()
        code = process.wait()
    assert seconds_to_unready < 1.5
    assert draining.json() == {"error": "the server is stopping"}
    assert {status for status, _ in answers} == {200}
    assert len(answers) > LANES
    assert answers[0] == (200, False)
    assert any(closing for _, closing in answers)
    assert code == 0


def process_is_busy(url: str) -> None:
    while "inference_batch_size_sum" not in httpx.get(f"{url}/metrics").text:
        pass


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
