import json

import pytest
from pydantic import ValidationError

from infra.settings.messages import line
from infra.settings.training import TrainingSettings

DIGEST = "sha256:" + "0" * 64


def mistakes(block: dict[str, object]) -> list[str]:
    with pytest.raises(ValidationError) as raised:
        TrainingSettings.model_validate_json(json.dumps(block))
    return [line(error, TrainingSettings) for error in raised.value.errors()]


def test_an_empty_block_trains_on_one_gpu_by_hand_into_a_volume_of_its_own() -> None:
    settings = TrainingSettings.model_validate_json("{}")

    assert (settings.gpus, settings.schedule, settings.image) == (1, None, None)
    assert (settings.model.size, settings.data) == ("10Gi", None)


@pytest.mark.parametrize(
    "block",
    [
        {"schedule": "0 3 * * 1"},
        {"schedule": "*/15 0-6,20 1,15 * 0"},
        {"data": {"url": "s3://data-of-digits"}},
        {"data": {"url": "https://scans.blob.core.windows.net/digits/2026"}},
        {"model": {"nfs": {"server": "10.0.0.4", "path": "/exports/models"}}},
        {"image": f"registry.example.com:5000/team/training:1.2@{DIGEST}"},
    ],
)
def test_what_a_user_would_write_is_taken(block: dict[str, object]) -> None:
    assert TrainingSettings.model_validate_json(json.dumps(block))


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"model": {}}, "model must have exactly one of size, claim, nfs, got {}"),
        (
            {"data": {"claim": "a", "url": "s3://abc"}},
            'data must have exactly one of url, claim, nfs, got {"claim": "a", "url": "s3://abc"}',
        ),
        ({"schedule": "0 3 * *"}, 'schedule must be minute, hour, day, month and weekday in figures, as "0 3 * * 1"'),
        ({"schedule": "60 3 * * 1"}, "got 60 3 * * 1"),
        ({"schedule": "5-1 3 * * 1"}, "got 5-1 3 * * 1"),
        ({"schedule": "0  3 * * 1"}, "schedule must be minute"),
        ({"data": {"url": "http://example.com/scans"}}, "data.url must be s3://bucket/prefix or "),
        ({"data": {"url": "s3://ab"}}, "data.url must be s3://bucket/prefix or "),
        ({"image": "registry.example.com/training:latest"}, "image must match "),
        ({"gpus": 9}, "gpus must be at most 8, got 9"),
        ({"deadlineSeconds": 5}, "deadlineSeconds must be at least 60, got 5"),
        ({"model": {"nfs": {"server": "a", "path": "exports"}}}, "model.nfs.path must match "),
    ],
)
def test_a_mistake_is_told_with_its_key_and_rule(block: dict[str, object], told: str) -> None:
    (mistake,) = mistakes(block)

    assert told in mistake
