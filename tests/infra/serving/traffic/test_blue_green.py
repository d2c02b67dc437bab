import pytest

from infra.serving.traffic.blue_green import live_labels
from tests.infra.serving.traffic.splits import split


@pytest.mark.parametrize(("stable", "live"), [(100, "stable"), (0, "canary")])
def test_the_track_with_all_the_weight_gets_every_request(stable: int, live: str) -> None:
    assert live_labels(split("blue-green", stable)) == {"app.kubernetes.io/name": "model-server", "track": live}
