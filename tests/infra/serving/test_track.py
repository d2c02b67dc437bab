import pytest

from infra.serving.track import deployments, tracks
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings

IMAGE, OTHER = (f"registry.example.com/model-server@sha256:{digit * 64}" for digit in "12")
MODEL = ModelSettings(name="digits", version="7")
PLAIN = ServingSettings.model_validate({})
SPLIT = ServingSettings.model_validate(
    {
        "rollout": {
            "traffic": "linkerd",
            "tracks": {"stable": {"weight": 100}, "canary": {"weight": 0, "modelVersion": "8", "image": OTHER}},
        }
    },
    strict=False,
)


def test_without_a_rollout_there_is_one_track_under_the_names_of_the_service() -> None:
    (alone,) = tracks(MODEL, PLAIN, IMAGE)

    assert (alone.name, alone.weight, alone.model, alone.image) == (None, 100, MODEL, IMAGE)
    assert (alone.object_name, alone.logical_name("server")) == ("model-server", "server")
    assert alone.labels == {"app.kubernetes.io/name": "model-server"}


def test_a_track_has_names_and_a_label_of_its_own() -> None:
    canary = tracks(MODEL, SPLIT, IMAGE)[1]

    assert (canary.object_name, canary.logical_name("server")) == ("model-server-canary", "server-canary")
    assert canary.labels == {"app.kubernetes.io/name": "model-server", "track": "canary"}


def test_what_a_track_does_not_say_is_the_stacks() -> None:
    stable, canary = tracks(MODEL, SPLIT, IMAGE)

    assert (stable.model.version, stable.image) == ("7", IMAGE)
    assert (canary.model.version, canary.image) == ("8", OTHER)


@pytest.mark.parametrize("settings", [PLAIN, SPLIT])
def test_the_deployments_that_people_may_change_are_those_that_there_are(settings: ServingSettings) -> None:
    assert list(deployments(settings)) == [track.object_name for track in tracks(MODEL, settings, IMAGE)]
