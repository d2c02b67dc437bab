"""The number of replicas follows real requests: a real server, Prometheus, KEDA and Kubernetes' own controllers."""

import json
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from inference_app.process import ServerProcess
from tests.cluster.api import condition
from tests.cluster.autoscaled import LOAD, PERIOD, SCALED_OBJECT, Running, failed, scaled, stack
from tests.cluster.control_plane import ControlPlane
from tests.cluster.served import NAMESPACE, SERVER
from tests.cluster.stacks import ROOT
from tests.processes import until

CAPACITY, UTILISATION = 30, 67
WANTED = 5
"""ceil(100 requests/s / (30 requests/s x 67 %))."""

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
        until(lambda: read(get()) == {"cpu", "memory"}, "both metrics", 60)
    running.reach(1, 300)

    assert (idle, failed(load)) == (1, [])


def read(autoscaler: Mapping[str, Any]) -> set[str]:
    """Names of the metrics that it knows; of one that it cannot read it says nothing."""
    return {each["resource"]["name"] for each in autoscaler["status"]["currentMetrics"] if "resource" in each}
