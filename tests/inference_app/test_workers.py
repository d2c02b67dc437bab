"""Real servers of several processes."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference_app.process import ServerProcess
from inference_app.repository import ModelVersion
from inference_app.workers import SHORT_LIVES
from tests.drills import versions
from tests.drills.client import Load, Outcome

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc, and only Linux shares a port"),
]
JSON = {"Content-Type": "application/json"}
TWO = {
    "WORKERS": "2",
    "DRAIN_SECONDS": "2",
    "GRACE_SECONDS": "10",
    "ADMIN_TOKEN": "secret",
    "GRPC_PORT": "0",
    "WATCHDOG_INTERVAL_SECONDS": "0",  # its probes count as model calls
}
LOADING = ("load", "unload")
PATIENCE_SECONDS = 20


def started(environment: dict[str, str]) -> ServerProcess:
    """A server whose workers are all ready, on both ports; to be used as a context."""
    process = ServerProcess(TWO | environment)
    process.until("ready", times=2)
    process.until("listening for gRPC", times=2)  # which may come later, with sockets of its own
    return process


@pytest.fixture(scope="module")
def process() -> Generator[ServerProcess]:
    """One server for those who do not spoil it."""
    with started({}) as process:
        yield process


def workers(process: ServerProcess) -> list[int]:
    """Process ids, the first to be started first."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def sockets(pid: int) -> int:
    """How many sockets a process holds."""
    links = (str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir())
    return sum(link.startswith("socket:") for link in links)


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds before patience ends."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > end:
            return False
    return True


def fresh(metric: Callable[..., float], url: str, name: str, **labels: str) -> float:
    """A metric over a connection of its own, which any worker may get."""
    with httpx.Client(base_url=url) as client:
        return metric(client, name, **labels)


def test_connections_spread_over_the_workers(process: ServerProcess) -> None:
    before = [sockets(pid) for pid in workers(process)]
    with ExitStack() as stack:
        for _ in range(64):
            client = stack.enter_context(httpx.Client(base_url=process.url()))
            assert client.get("/health").status_code == 200
        held = [sockets(pid) - count for pid, count in zip(workers(process), before, strict=True)]
    assert sum(held) == 64
    assert min(held) >= 8


def test_every_worker_shows_the_exact_sum_of_all(
    process: ServerProcess, example: list[Any], metric: Callable[..., float]
) -> None:
    url, count = process.url(), 60
    before = fresh(metric, url, "inference_requests_total", route="/predict", code="200")
    for _ in range(count):
        assert httpx.post(f"{url}/predict", content=json.dumps(example), headers=JSON).status_code == 200

    def seen() -> list[float]:
        return [fresh(metric, url, "inference_requests_total", route="/predict", code="200") for _ in range(10)]

    assert eventually(lambda: seen() == [before + count] * 10)
    assert fresh(metric, url, "inference_batch_size_sum") == before + count
    assert fresh(metric, url, "inference_ready") == fresh(metric, url, "inference_model_info") == 1


def test_memory_and_cpu_time_are_shown_for_each_worker(process: ServerProcess, metric: Callable[..., float]) -> None:
    shown = [fresh(metric, process.url(), "process_resident_memory_bytes", worker=worker) for worker in "12"]
    assert min(shown) > 10_000_000


def test_models_are_not_loaded_into_one_of_several_workers(process: ServerProcess) -> None:
    bearer = {"Authorization": "Bearer secret"}
    calls = [httpx.post(f"{process.url()}/v2/repository/models/digits/{verb}", headers=bearer) for verb in LOADING]
    assert [call.status_code for call in calls] == [409, 409]
    assert calls[0].json() == {"error": "this is one of WORKERS=2; restart the server instead"}


def test_grpc_shares_one_port_too(process: ServerProcess) -> None:
    process.until("listening for gRPC", times=2)
    entries = [json.loads(line) for line in process.output if "listening for gRPC" in line]
    assert sorted(entry["worker"] for entry in entries) == [1, 2]
    assert len({entry["port"] for entry in entries}) == 1


def test_the_parent_has_no_threads_when_it_forks(process: ServerProcess) -> None:
    assert len(list(Path(f"/proc/{process.pid}/task").iterdir())) == 1


def test_a_port_that_workers_share_is_taken(process: ServerProcess) -> None:
    port = httpx.URL(process.url()).port
    with ServerProcess({"WORKERS": "2", "PORT": str(port)}) as second:
        assert second.wait() == 2
    assert second.output == [f"cannot listen on 127.0.0.1:{port}: Address already in use\n"]


def test_a_killed_worker_costs_its_own_requests_only(digits: ModelVersion, metric: Callable[..., float]) -> None:
    with started({}) as process, Load(url := process.url(), versions.questions([digits])) as load:
        load.reach(100)
        survivor, victim = workers(process)
        counts = [fresh(metric, url, "inference_batch_size_sum")]
        os.kill(victim, signal.SIGKILL)
        entry = process.until("worker died")
        gone_at = time.monotonic()
        counts.append(fresh(metric, url, "inference_batch_size_sum"))
        process.until("ready", times=3)
        counts.append(fresh(metric, url, "inference_batch_size_sum"))
        came_back = eventually(lambda: httpx.get(f"{url}/ready").status_code == 200)
        now = workers(process)
        load.stop()
        complete = eventually(lambda: fresh(metric, url, "inference_batch_size_sum") >= counts[2])
    lost = [request for request in load.requests if request.outcome is not Outcome.ANSWERED]
    assert (entry["worker"], entry["status"]) == (2, -signal.SIGKILL)
    assert came_back
    assert len(now) == 2
    assert survivor in now
    assert {request.status for request in lost} <= {None}
    assert [request for request in lost if request.sent_at > gone_at] == []
    assert counts == sorted(counts)
    assert complete


def test_a_stop_under_load_loses_no_request(digits: ModelVersion) -> None:
    with started({}) as process:
        url = process.url()
        with Load(url, versions.questions([digits])) as load:
            load.reach(100)
            process.send(signal.SIGTERM)
            unready = eventually(lambda: httpx.get(f"{url}/ready").status_code == 503)
        code = process.wait()
    assert unready
    assert {request.outcome for request in load.requests} == {Outcome.ANSWERED}
    assert code == 0
    assert [line for line in process.output if '"ERROR"' in line] == []


def test_a_second_sigterm_ends_the_drain() -> None:
    with started({"DRAIN_SECONDS": "60", "GRACE_SECONDS": "90"}) as process:
        process.send(signal.SIGTERM)
        process.until("draining", times=2)
        process.send(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_workers_do_not_outlive_their_parent() -> None:
    with started({"DRAIN_SECONDS": "0"}) as process:
        orphans = workers(process)
        process.send(signal.SIGKILL)
        assert eventually(lambda: not any(Path(f"/proc/{pid}/fd").exists() for pid in orphans))


def test_a_worker_that_hangs_costs_the_server_its_liveness() -> None:
    with started({"DRAIN_SECONDS": "0", "GRACE_SECONDS": "2"}) as process:
        url, hung = process.url(), workers(process)[0]
        os.kill(hung, signal.SIGSTOP)
        faults: list[str] = []
        assert eventually(lambda: bool(faults.extend(fault(url)) or faults))
        os.kill(hung, signal.SIGCONT)
        assert eventually(lambda: httpx.get(f"{url}/health").status_code == 200)
    assert faults[0].startswith("worker 1: hangs: it has said nothing for ")


def fault(url: str) -> list[str]:
    """Why the server is not live, when the worker that answers says so; one that hangs does not answer."""
    try:
        answer = httpx.get(f"{url}/health", timeout=0.5)
    except httpx.TimeoutException:
        return []
    return [answer.json()["error"]] if answer.status_code == 503 else []


def test_a_worker_that_does_not_end_in_time_is_killed() -> None:
    with started({"DRAIN_SECONDS": "0", "GRACE_SECONDS": "1"}) as process:
        os.kill(workers(process)[0], signal.SIGSTOP)
        process.send(signal.SIGTERM)
        assert process.wait(timeout=20) == 1


def test_workers_that_keep_dying_end_the_server() -> None:
    with started({"DRAIN_SECONDS": "0"}) as process:
        for times in range(1, SHORT_LIVES + 1):
            assert eventually(lambda: len(workers(process)) == 2)
            os.kill(workers(process)[1], signal.SIGKILL)
            process.until("worker died", times=times)
        process.until("workers keep dying")
        assert process.wait() == 1


def test_a_model_that_does_not_load_leaves_all_workers_live_but_not_ready(own_repository: Path) -> None:
    path = own_repository / "digits" / "1" / "model.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    with ServerProcess(TWO | {"MODEL_REPOSITORY": str(own_repository), "DRAIN_SECONDS": "0"}) as process:
        process.until("not ready", times=2)
        answers = [httpx.get(f"{process.url()}{path}") for path in ("/health", "/ready") for _ in range(8)]
        process.send(signal.SIGTERM)
        code = process.wait()
    assert [answer.status_code for answer in answers] == [200] * 8 + [503] * 8
    assert all("SHA-256" in answer.json()["error"] for answer in answers[8:])
    assert code == 0
