import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.messages import line
from infra.settings.rollout import RolloutSettings, Traffic
from infra.settings.serving import ServingSettings

GATEWAY = {"hostName": "predict.example.com", "tls": {"clusterIssuer": "company"}}
PAIR = {"stable": {"weight": 90}, "canary": {"weight": 10}}
FLIP = {"blue": {"weight": 100}, "green": {"weight": 0}}


def rollout(tracks: Any, traffic: str = "gateway-api") -> RolloutSettings:
    return RolloutSettings.model_validate_json(json.dumps({"traffic": traffic, "tracks": tracks}))


def serving(**blocks: Any) -> ServingSettings:
    return ServingSettings.model_validate_json(json.dumps(blocks))


def mistake(tracks: Any, traffic: str = "gateway-api") -> str:
    with pytest.raises(ValidationError) as refused:
        rollout(tracks, traffic)
    return "; ".join(line(error, RolloutSettings) for error in refused.value.errors())


def misfit(**blocks: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        serving(**blocks)
    return "; ".join(line(error, ServingSettings) for error in refused.value.errors())


def test_tracks_share_all_requests_by_weight() -> None:
    made = rollout(PAIR)

    assert made.traffic is Traffic.GATEWAY_API
    assert made.weights == {"stable": 90, "canary": 10}


@pytest.mark.parametrize(
    ("weights", "got"),
    [((90, 20), "90 + 20 = 110"), ((60, 30, 9), "60 + 30 + 9 = 99"), ((0, 0), "0 + 0 = 0"), ((99,), "99")],
)
def test_weights_that_are_not_the_whole_are_refused_with_their_sum(weights: tuple[int, ...], got: str) -> None:
    tracks = {f"track-{index}": {"weight": weight} for index, weight in enumerate(weights)}

    assert mistake(tracks) == f"tracks must have weights that add up to 100, got {got}; change one"


@pytest.mark.parametrize(
    ("tracks", "told"),
    [
        ({}, "tracks must have at least 1 items, got 0"),
        (
            {f"t{index}": {"weight": 20} for index in range(5)},
            "tracks must be at most 4, since each has pods of its own, got 5; remove one",
        ),
        ({"Stable": {"weight": 100}}, "tracks.Stable must match"),
        ({"stable": {}}, "tracks.stable.weight is required"),
        ({"stable": {"weight": 101}}, "tracks.stable.weight must be at most 100, got 101"),
        ({"stable": {"weight": -1}}, "tracks.stable.weight must be at least 0, got -1"),
        ({"stable": {"weight": 99.5}}, "tracks.stable.weight must be a whole number, got 99.5"),
        ({"stable": {"weight": 100, "modelVersion": "latest"}}, "tracks.stable.modelVersion must match"),
        ({"stable": {"weight": 100, "image": "registry.example.com/m:latest"}}, "tracks.stable.image must match"),
        (
            {"stable": {"weight": 100, "replicas": {"min": 3, "max": 2}}},
            "tracks.stable.replicas.max must be at least min, 3, got 2",
        ),
    ],
)
def test_a_wrong_track_is_told_by_its_key(tracks: Any, told: str) -> None:
    assert mistake(tracks).startswith(told)


@pytest.mark.parametrize(
    ("tracks", "got"),
    [
        (PAIR, "stable 90, canary 10"),
        ({"blue": {"weight": 100}}, "blue 100"),
        (FLIP | {"red": {"weight": 0}}, "blue 100, green 0, red 0"),
    ],
)
def test_a_selector_cannot_share_so_blue_green_has_two_tracks_and_one_gets_all(tracks: Any, got: str) -> None:
    assert f"one with weight 100 and one with 0, since a Service selects one, got {got};" in mistake(
        tracks, "blue-green"
    )


def test_each_track_has_the_replicas_it_asks_for_and_else_those_of_the_service() -> None:
    tracks = {"stable": {"weight": 90}, "canary": {"weight": 10, "replicas": {"min": 1, "max": 3}}}
    made = serving(replicas={"min": 2, "max": 6}, rollout={"traffic": "istio", "tracks": tracks})

    assert {name: (own.replicas.min, own.replicas.max) for name, own in made.tracks.items()} == {
        "stable": (2, 6),
        "canary": (1, 3),
    }
    assert made.most_pods == 6 + 1 + 3 + 1


def test_a_service_without_a_rollout_is_one_track_without_a_name() -> None:
    made = serving(replicas={"min": 2, "max": 6})

    assert dict(made.tracks) == {None: made}
    assert made.most_pods == 7


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        (
            {"rollout": {"tracks": PAIR}},
            "rollout.traffic must be istio, linkerd or blue-green where gateway is absent, got gateway-api;",
        ),
        (
            {"rollout": {"traffic": "blue-green", "tracks": FLIP}, "gateway": GATEWAY},
            "rollout.traffic must be gateway-api where gateway is given, got blue-green:",
        ),
        (
            {"rollout": {"traffic": "linkerd", "tracks": PAIR}, "exposure": "network"},
            "exposure must be cluster where rollout.traffic is linkerd, got network:",
        ),
    ],
)
def test_no_client_may_come_by_a_way_that_knows_no_weights(blocks: Any, told: str) -> None:
    assert misfit(**blocks).startswith(told)


@pytest.mark.parametrize(
    "blocks",
    [
        {"rollout": {"tracks": PAIR}, "gateway": GATEWAY, "exposure": "network"},
        {"rollout": {"traffic": "istio", "tracks": PAIR}},
        {"rollout": {"traffic": "blue-green", "tracks": FLIP}, "exposure": "network"},
        {"gateway": GATEWAY},
    ],
)
def test_a_way_that_knows_the_weights_is_fine(blocks: Any) -> None:
    assert serving(**blocks)
