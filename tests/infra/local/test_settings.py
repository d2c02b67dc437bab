import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.local import LocalSettings


def parsed(**stated: Any) -> LocalSettings:
    return LocalSettings.model_validate_json(json.dumps(stated))


def test_an_empty_block_is_a_whole_stack() -> None:
    assert parsed().image is None
    assert parsed().ports.model_server == 8080


@pytest.mark.parametrize("image", ["model-server:cpu", "host.example.com:5000/team/model@sha256:" + "0" * 64])
def test_an_image_is_named_as_docker_names_it(image: str) -> None:
    assert parsed(image=image).image == image


@pytest.mark.parametrize(
    ("stated", "rule"),
    [
        ({"ports": {"grafana": 8080}}, "grafana must be another port than modelServer's, got 8080"),
        ({"ports": {"grafana": 80}}, "greater than or equal to 1024"),
        ({"image": "Model Server"}, "should match pattern"),
        ({"memoryMib": 10}, "greater than or equal to 256"),
        ({"gpus": 1}, "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_says_what_is_wrong(stated: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        parsed(**stated)
