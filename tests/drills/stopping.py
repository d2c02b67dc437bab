"""One of several servers goes: with a notice, with a full queue, or at once."""

import signal
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from inference_app import contract
from inference_app.contract import Env, Route
from inference_app.process import ServerProcess
from inference_app.settings import Settings
from tests.cluster import slow_model
from tests.drills import versions
from tests.drills.client import CONNECTIONS, Load, Outcome, Request
from tests.drills.drill import Change, Drill
from tests.drills.fleet import Fleet
from tests.drills.notice import SHORTEST_SECONDS
from tests.drills.proxies import NOTICE_SECONDS, HAProxy
from tests.drills.rolling import RATE, SHORT
from tests.processes import until

QUEUE = 32
CROWD, CROWD_RATE = 96, 160
"""Connections and requests per second: more than two queues hold, and more than two slow servers can answer."""
SLOW = {**SHORT, Env.MAX_BATCH_SIZE: "1", Env.MODEL_THREADS: "1", Env.MAX_QUEUE_SIZE: str(QUEUE)}
BATCH_DELAY_MS = 20
"""A model that waits this long for a fuller batch has requests in flight at any time."""
VICTIM = "server1"
"""HAProxy's name of the first; for a connection that broke it gives none."""


def spot_reclaim(folder: Path) -> Drill:
    """One of three gets SIGTERM, with the drain and the grace it has in a cluster."""
    made = versions.write(folder / "models", 1)
    with (
        HAProxy(folder) as front,
        Fleet(front, {Env.MODEL_REPOSITORY: str(folder / "models")}) as fleet,
        Load(front.url, versions.questions(made), rate=RATE) as load,
        Change(load) as change,
    ):
        code = fleet.stop(fleet.servers[0])
    found = _exit_flaws(code)
    if (seconds := change.ended - change.began) > SHORTEST_SECONDS:
        found.append(f"the server took {seconds:.1f} s of a notice of {SHORTEST_SECONDS} s")
    return change.drill("spot reclaim, 1 of 3", found)


def full_queue(folder: Path) -> Drill:
    """One of two overloaded servers gets SIGTERM while its queue is full: what it has accepted is answered."""
    folder.mkdir()
    slow_model.write(Settings().model_repository, folder / "models")
    made = versions.found(folder / "models")
    with (
        HAProxy(folder) as front,
        Fleet(front, {**SLOW, Env.MODEL_REPOSITORY: str(folder / "models")}, count=2) as fleet,
        Load(front.url, versions.questions(made), connections=CROWD, rate=CROWD_RATE) as load,
        Change(load) as change,
    ):
        victim = fleet.servers[0]
        until(lambda: _queued(victim) >= QUEUE - 1, "full queue")
        code = fleet.stop(victim)
    return change.drill("SIGTERM with a full queue", _exit_flaws(code), Outcome.REFUSED)


def _exit_flaws(code: int) -> list[str]:
    return [f"the server ended with {code}"] if code else []


def _queued(server: ServerProcess) -> float:
    """Examples that wait for the model."""
    with closing(HTTPConnection(urlsplit(server.url()).netloc, timeout=10)) as connection:
        connection.request("GET", Route.METRICS)
        families = text_string_to_metric_families(connection.getresponse().read().decode())
    return next(family.samples[0].value for family in families if family.name == contract.QUEUE_SIZE.name)


def killed_server(folder: Path) -> Drill:
    """One of three gets SIGKILL: what is in flight there fails so that clients may ask again, and nothing else does."""
    made = versions.write(folder / "models", 1)
    environment: dict[str, str] = {
        **SHORT,
        Env.MODEL_REPOSITORY: str(folder / "models"),
        Env.MAX_BATCH_DELAY_MS: str(BATCH_DELAY_MS),
    }
    with (
        HAProxy(folder) as front,
        Fleet(front, environment) as fleet,
        Load(front.url, versions.questions(made), rate=RATE) as load,
        Change(load) as change,
    ):
        victim = fleet.servers[0]
        victim.send(signal.SIGKILL)
        victim.wait()
        gone_at = time.monotonic()
        load.reach(round(NOTICE_SECONDS * RATE))
        fleet.forget(victim)
    return change.drill("SIGKILL, 1 of 3", kill_flaws(load.requests, gone_at), Outcome.LOST)


def kill_flaws(requests: list[Request], gone_at: float) -> list[str]:
    """A dying process takes connections until it is gone; HAProxy asks it once more before it meets a refusal."""
    lost = [request for request in requests if request.outcome is Outcome.LOST]
    found: list[str] = []
    if not 0 < len(lost) <= 2 * CONNECTIONS:
        found.append(
            f"{len(lost)} lost: each of {CONNECTIONS} connections had one in flight, and may have sent the next"
        )
    if others := {request.server for request in lost} - {VICTIM, ""}:
        found.append(f"requests to {', '.join(others)} failed too")
    if final := [request for request in lost if not request.is_retryable]:
        found.append(f"{len(final)} got an error that no client would retry")
    if late := [request for request in lost if request.sent_at > gone_at + NOTICE_SECONDS]:
        found.append(f"{len(late)} lost when the proxy must have noticed")
    return found
