"""The number of replicas follows how long requests wait for a slow model."""

from collections.abc import Generator
from pathlib import Path

import pytest

from inference_app.process import ServerProcess
from tests.cluster import slow_model
from tests.cluster.api import condition
from tests.cluster.autoscaled import MODELS, PERIOD, SCALED_OBJECT, Running, failed, scaled, stack
from tests.cluster.control_plane import ControlPlane
from tests.cluster.served import NAMESPACE, SERVER
from tests.processes import until


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
