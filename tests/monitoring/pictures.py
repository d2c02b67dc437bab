"""`python -m tests.monitoring.pictures`: play some minutes of a service's life, and draw its dashboards for docs/.

A quiet start, steady load on both tracks, more than the canary can take, clients' mistakes and a switch of the stable
track's version; nodes come with the load, and a spot node goes. The pods, whose names the servers have, and the nodes
are simulated; what tells of them is real. GPU is not drawn: there is none.
"""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from http.client import HTTPMessage
from pathlib import Path

import httpx

from docs.plot_dashboards import IMAGES, Source, picture
from inference_app import golden
from inference_app.contract import Route
from infra.clusters.eks.cluster import EksCluster
from infra.monitoring.dashboards import GpuNodes, Subject, boards
from infra.monitoring.queries import pods_of
from infra.settings.monitoring import MonitoringSettings
from tests.drills import versions
from tests.drills.client import Load, Question
from tests.monitoring.scene import BEARER, CANARY, MODELS, PRICES, STABLE, TARGET_MS, Scene, scene

PHASES: tuple[tuple[float, Mapping[str, float]], ...] = (
    (20, {}),
    (90, {STABLE: 61, CANARY: 7}),
    (60, {STABLE: 61, CANARY: 113}),
    (50, {STABLE: 61, CANARY: 7}),
    (70, {STABLE: 61, CANARY: 7}),
)
"""Seconds, and requests per second by track; at multiples of the scrapes' rate, each would see the same moment."""
SWITCH_BEFORE = 4
"""The phase before which clients are wrong, and the stable track's version is switched."""
JOINING: Mapping[int, Mapping[str, Sequence[str]]] = {
    0: {"on-demand": ["g6.xlarge"], "spot": ["g6.xlarge"]},
    2: {"spot": ["g5.xlarge", "g6.xlarge"]},
}
"""Instance types of the nodes that come before a phase, by pool."""
LEAVING = 3
"""The phase before which the first spot node goes."""
RATE_SECONDS = 10
SETTLING = 5
"""Seconds at the end, in which load fades, that are not shown."""
EXAMPLES = (1, 1, 2, 4)
"""In one request, in turns."""
SETTINGS = {"objectives": {"p95LatencyMs": float(TARGET_MS), "errorPercent": 5}, "prices": PRICES}


def main() -> None:
    """Play for five minutes, and draw."""
    settings = MonitoringSettings.model_validate(SETTINGS)
    gpus = GpuNodes(spot_labels=EksCluster.spot_labels)
    subject = Subject(name="serving", selector=pods_of("serving"), settings=settings, by_track=True, gpus=gpus)
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder)) as running:
        begun = time.time()
        spot: list[str] = []
        for number, (seconds, rates) in enumerate(PHASES):
            for pool, machines in JOINING.get(number, {}).items():
                names = running.cluster.join(pool, *machines)
                spot += names if pool == "spot" else []
            if number == LEAVING:
                running.cluster.leave(spot[0])
            if number == SWITCH_BEFORE:
                _switch(running)
            _play(running, seconds, rates)
        end = time.time() - SETTLING
        source = Source(url=running.prometheus.url, end=end, seconds=round(end - begun), rate_seconds=RATE_SECONDS)
        for board in [each for each in boards(subject) if each.name != "gpu"]:
            picture(board, subject, source, IMAGES)


def _play(running: Scene, seconds: float, rates: Mapping[str, float]) -> None:
    with ExitStack() as loads:
        for track, rate in rates.items():
            loads.enter_context(Load(running.servers[track].url(), _questions(), rate=rate, connections=16))
        time.sleep(seconds)


def _switch(running: Scene) -> None:
    running.stray()
    url = f"{running.servers[STABLE].url()}{Route.SWITCH_MODEL}"
    httpx.post(url, json={"version": "2"}, headers=BEARER, timeout=20).raise_for_status()


def _questions() -> list[Question]:
    """Requests of different sizes, whose answers nobody looks at."""
    (version,) = versions.found(MODELS)
    images = golden.read(version).inputs["image"]
    return [Question(body=json.dumps(images[:count].tolist()).encode(), judge=_unread) for count in EXAMPLES]


def _unread(headers: HTTPMessage, content: bytes) -> str:
    del headers, content
    return ""


if __name__ == "__main__":
    main()
