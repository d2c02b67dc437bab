"""The number of replicas follows real requests: a real server, Prometheus, KEDA and Kubernetes' own controllers.

Nothing here writes replicas or metrics. What is not real: the pods, of which one server on loopback stands for all, and
metrics-server, in whose place `resource_metrics` tells what that server uses.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from inference_app.process import ServerProcess
from tests.cluster import nodes, slow_model
from tests.cluster.api import condition
from tests.cluster.control_plane import ControlPlane
from tests.cluster.keda import asking, keda
from tests.cluster.objects import applied
from tests.cluster.replicas import Replicas
from tests.cluster.resource_metrics import resource_metrics
from tests.cluster.served import NAMESPACE, SERVER, forget
from tests.cluster.stacks import ROOT, Stack, shipped
from tests.drills import versions
from tests.drills.client import Load, Outcome
from tests.monitoring.prometheus import Prometheus, Target
from tests.processes import until

MODELS = ROOT / "inference_app" / "model_repository"
CAPACITY, UTILISATION = 30, 67
LOAD = 100.0
WANTED = 5
"""ceil(100 requests/s / (30 requests/s x 67 %))."""

PERIOD = 15
"""Seconds between two scrapes, and between two looks of Kubernetes at an autoscaler's metrics."""

SCALED_OBJECT = "keda.sh/v1alpha1 ScaledObject"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stack's server with its autoscaler, on nodes that have room for all replicas."""

    plane: ControlPlane
    server: ServerProcess
    prometheus: Prometheus
    replicas: Replicas

    def load(self, rate: float = LOAD) -> Load:
        """Predictions at a rate per second."""
        return Load(self.server.url(), versions.questions(versions.found(MODELS)), rate=rate)

    def reach(self, count: int, seconds: float) -> float:
        """Wait for a number of replicas; when it was set, in seconds from the start of the watch."""
        until(lambda: self.replicas.now == count, f"{count} replicas", seconds)
        return self.replicas.changes[-1].seconds

    def stay(self, seconds: float) -> list[int]:
        """Changes of the replicas during so many seconds."""
        begun = self.replicas.seconds
        until(lambda: self.replicas.seconds > begun + seconds, "time", seconds + 5)
        return self.replicas.since(begun)


@pytest.fixture(scope="module")
def server() -> Generator[ServerProcess]:
    with ServerProcess({}) as process:
        process.until("ready")
        yield process


@pytest.fixture(scope="module")
def controllers(plane: ControlPlane, server: ServerProcess) -> Generator[None]:
    with keda(plane), resource_metrics(plane, server.pid):
        yield


def scaled(
    stack: Stack, plane: ControlPlane, server: ServerProcess, folder: Path, without: Sequence[str] = ()
) -> Generator[Running]:
    """The server's namespace of `stack`, whose autoscaler asks a Prometheus that has not started."""
    objects = stack.objects["eks"]
    monitor = next(each for each in objects if each["kind"] == "ServiceMonitor")
    prometheus = Prometheus(folder, [Target(address=server.url().removeprefix("http://"))], monitor)
    left_out = ("ExternalSecret", "SecretStore", *without)
    present = [each for each in objects if in_namespace(each) and each["kind"] not in left_out]
    wanted = [asking(each, "prometheus", serverAddress=prometheus.url) for each in present]
    spot = nodes.pools(stack.plan, "eks")["spot"]
    with ExitStack() as running:
        nodes.add(plane.api, [spot.node(f"spot-{number}") for number in range(8)])
        running.callback(forget, plane.api, "v1 Node")
        replicas = running.enter_context(Replicas(plane.api, NAMESPACE, SERVER))
        running.enter_context(applied(plane.api, wanted))
        yield Running(plane=plane, server=server, prometheus=prometheus, replicas=replicas)


def in_namespace(document: Mapping[str, Any]) -> bool:
    metadata = document["metadata"]
    return metadata.get("namespace") == NAMESPACE or (document["kind"], metadata["name"]) == ("Namespace", NAMESPACE)


def stack(
    replicas: Mapping[str, Any],
    autoscaling: Mapping[str, Any],
    serving: Mapping[str, Any] | None = None,
    **blocks: Mapping[str, Any],
) -> Stack:
    """Prod with these replicas and this autoscaling, around the clock where nothing else is said."""
    asked = {"queueTimeMs": None, "requestsPerSecond": None, **autoscaling}
    always = {"minOutsideOfficeHours": None, **replicas}
    return shipped("prod", {"serving": {"replicas": always, "autoscaling": asked, **(serving or {})}, **blocks})


RATE = {"requestsPerSecond": {"capacity": CAPACITY, "utilisation": UTILISATION}, "scaleDownSeconds": 120}


@pytest.fixture
def by_requests(plane: ControlPlane, server: ServerProcess, controllers: None, tmp_path: Path) -> Generator[Running]:
    del controllers
    yield from scaled(stack({"min": 1, "max": 6}, RATE), plane, server, tmp_path)


@pytest.mark.timeout(900)
def test_replicas_rise_with_the_requests_hold_through_a_gap_and_come_down_when_they_end(by_requests: Running) -> None:
    running, told = by_requests, by_requests.replicas

    def scaled_object() -> dict[str, Any]:
        return running.plane.api.get(SCALED_OBJECT, SERVER, NAMESPACE)

    with ExitStack() as watching:
        prometheus = watching.enter_context(running.prometheus.process())
        until(lambda: condition(scaled_object(), "HPAActive"), "autoscaler that reads its metrics", 110, [prometheus])
        idle = running.stay(15)
        begun = told.seconds
        with running.load() as load:
            until(lambda: told.now > 1, "first new replica", 110)
            first = told.changes[-1].seconds - begun
            full = running.reach(WANTED, 110) - begun
            steady = running.stay(30)
            watching.close()  # Prometheus is gone
            gone = told.seconds
            gap = running.stay(45)
            away = [gone, told.seconds]
            watching.enter_context(running.prometheus.process())
            back = running.stay(20)
        ended = told.seconds
        down = running.reach(WANTED - 1, 300) - ended
        query = scaled_object()["spec"]["triggers"][1]["metadata"]["query"]
        measured = [(told.seconds - ago, rate) for ago, rate in running.prometheus.series(query, told.seconds)]

    changes = [[change.seconds, change.replicas] for change in told.changes]
    save({"load": [begun, ended], "rate": LOAD, "gap": away, "requests": measured, "replicas": changes})
    assert (idle, steady, gap, back, failed(load)) == ([], [], [], [], [])
    assert first <= 3 * PERIOD  # a scrape that sees the load, and two looks at what it says
    assert full <= 60 + 3 * PERIOD  # the window of the rate is full
    assert 100 <= down <= 240  # the quiet time, from the last look at the full load


@pytest.fixture
def by_waiting(plane: ControlPlane, controllers: None, tmp_path: Path) -> Generator[Running]:
    """A slow model's server; its CPU plays no part, since metrics-server's stand-in tells of another, idle one."""
    del controllers
    one_by_one = {"MAX_BATCH_SIZE": "1", "MODEL_THREADS": "1"}
    models = {"MODEL_REPOSITORY": str(slow_model.write(MODELS, tmp_path / "models"))}
    with ServerProcess(models | one_by_one) as slow:
        slow.until("ready")
        waiting = {"queueTimeMs": 20, "scaleDownSeconds": 120}
        yield from scaled(stack({"min": 1, "max": 6}, waiting), plane, slow, tmp_path)


@pytest.mark.timeout(600)
def test_replicas_follow_the_wait_of_requests_and_not_their_mere_number(by_waiting: Running) -> None:
    running, told = by_waiting, by_waiting.replicas

    def ready_to_scale() -> bool:
        return condition(running.plane.api.get(SCALED_OBJECT, SERVER, NAMESPACE), "HPAActive")

    with running.prometheus.process() as prometheus:
        until(ready_to_scale, "autoscaler that reads its metrics", 110, [prometheus])
        with running.load(5) as light:  # well within what one model call after the other can take
            unhurried = running.stay(45)
        begun = told.seconds
        with running.load() as heavy:
            risen = running.reach(2, 110) - begun
            steady = running.stay(60)
        ended = told.seconds
        with running.load(5) as light_again:
            down = running.reach(1, 300) - ended

    # One more replica for each that is ready: the one server stands for one pod, however many are asked for.
    assert (unhurried, steady, failed(light), failed(heavy), failed(light_again)) == ([], [], [], [], [])
    assert risen <= 60 + 3 * PERIOD
    assert 100 <= down <= 240


def failed(load: Load) -> list[Outcome]:
    """What did not get the right answer, and what it got."""
    return [each.outcome for each in load.requests if each.outcome is not Outcome.ANSWERED]


def save(series: Mapping[str, Any]) -> None:
    """Keep what was seen, for the plot in docs/."""
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "autoscaling.json").write_text(json.dumps(series))


@pytest.fixture
def before_prometheus(
    plane: ControlPlane, server: ServerProcess, controllers: None, tmp_path: Path
) -> Generator[Running]:
    del controllers
    yield from scaled(stack({"min": 2, "max": 6}, RATE), plane, server, tmp_path)


def test_without_any_metric_the_least_number_of_replicas_is_kept(before_prometheus: Running) -> None:
    before_prometheus.reach(2, 60)

    assert before_prometheus.stay(30) == []


@pytest.fixture
def resting(plane: ControlPlane, server: ServerProcess, controllers: None, tmp_path: Path) -> Generator[Running]:
    """At a time that is outside the office hours."""
    del controllers
    away = (datetime.now(UTC) + timedelta(days=3)).strftime("%A").lower()
    hours = {"timeZone": "Etc/UTC", "days": [away[:3]]}
    resting = stack({"min": 2, "max": 6, "minOutsideOfficeHours": 0}, RATE, officeHours=hours)
    yield from scaled(resting, plane, server, tmp_path)


@pytest.mark.timeout(400)
def test_outside_office_hours_all_rest_and_the_day_wakes_them_also_where_prometheus_is_away(resting: Running) -> None:
    resting.reach(0, 200)
    night = resting.stay(20)
    api = resting.plane.api
    triggers = api.get(SCALED_OBJECT, SERVER, NAMESPACE)["spec"]["triggers"]
    for trigger in triggers:
        if trigger["type"] == "cron":
            trigger["metadata"] |= {"start": "0 0 * * *", "end": "59 23 * * *"}
    api.patch(SCALED_OBJECT, SERVER, {"spec": {"triggers": triggers}}, NAMESPACE)
    resting.reach(2, 100)

    assert night == []


@pytest.fixture
def by_resources(plane: ControlPlane, server: ServerProcess, controllers: None, tmp_path: Path) -> Generator[Running]:
    """Without KEDA's part: Kubernetes' own autoscaler, of CPU and memory."""
    del controllers
    use = {"cpuUtilisation": 50, "memoryUtilisation": 90, "scaleDownSeconds": 15}
    kind = stack({"min": 1, "max": 4}, use, {"resources": {"cpu": "100m", "memory": "4Gi"}})
    yield from scaled(kind, plane, server, tmp_path)


@pytest.mark.timeout(400)
def test_replicas_follow_cpu_use_and_memory_is_read_too(by_resources: Running) -> None:
    running = by_resources
    get = lambda: running.plane.api.get("autoscaling/v2 HorizontalPodAutoscaler", SERVER, NAMESPACE)  # noqa: E731
    until(lambda: condition(get(), "ScalingActive"), "autoscaler that reads its metrics", 110)
    idle = running.replicas.now
    with running.load(400) as load:
        until(lambda: running.replicas.now >= 2, "more replicas", 110)
        read = {each["resource"]["name"] for each in get()["status"]["currentMetrics"]}
    running.reach(1, 300)

    assert (idle, read, failed(load)) == (1, {"cpu", "memory"}, [])
