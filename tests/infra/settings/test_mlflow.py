import json

import pytest
from pydantic import ValidationError

from infra.settings.messages import line
from infra.settings.mlflow import MlflowSettings


def mistakes(block: dict[str, object]) -> list[str]:
    with pytest.raises(ValidationError) as raised:
        MlflowSettings.model_validate_json(json.dumps(block))
    return [line(error, MlflowSettings) for error in raised.value.errors()]


def test_an_empty_block_keeps_everything_in_the_cluster_and_lets_nobody_else_in() -> None:
    settings = MlflowSettings.model_validate_json("{}")

    assert (settings.artifacts.size, settings.database.size) == ("20Gi", "10Gi")
    assert settings.client_namespaces == ()


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (
            {"artifacts": {"size": "1Gi", "url": "s3://abc"}},
            'artifacts must have exactly one of size, url, got {"size": "1Gi", "url": "s3://abc"}',
        ),
        ({"database": {}}, "database must have exactly one of size, external, got {}"),
        ({"database": {"external": {"port": 1}}}, "database.external.secret is required"),
        ({"clientNamespaces": ["a", "a"]}, 'clientNamespaces must name each once, got ["a", "a"]'),
        ({"image": "ghcr.io/mlflow/mlflow:latest"}, "image must match "),
        ({"workers": 0}, "workers must be at least 1, got 0"),
    ],
)
def test_a_mistake_is_told_with_its_key_and_rule(block: dict[str, object], told: str) -> None:
    (mistake,) = mistakes(block)

    assert told in mistake
