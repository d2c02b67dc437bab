import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.messages import line
from infra.settings.security import SecuritySettings


def read(**block: object) -> SecuritySettings:
    return SecuritySettings.model_validate_json(json.dumps(block))


def test_what_is_not_named_does_not_run() -> None:
    assert (read().falco, read().trivy) == (None, None)


def test_an_empty_block_reports_what_is_worth_a_look() -> None:
    settings = read(falco={}, trivy={})

    assert settings.falco
    assert settings.trivy
    assert settings.falco.priority == "notice"
    assert settings.trivy.severities == ("HIGH", "CRITICAL")
    assert settings.trivy.databases == "mirror.gcr.io/aquasec"


def test_databases_may_come_from_a_registry_of_ones_own() -> None:
    settings = read(trivy={"databases": "registry.example.com:5000/security/trivy_mirror"})

    assert settings.trivy
    assert settings.trivy.databases.startswith("registry.example.com:5000/")


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"falco": {"priority": "loud"}},
         "falco.priority must be one of emergency, alert, critical, error, warning, notice, info or debug, got loud"),
        ({"trivy": {"severities": []}}, "trivy.severities must have at least 1 items, got 0"),
        ({"trivy": {"severities": ["HIGH", "HIGH"]}},
         'trivy.severities must name each once, got ["HIGH", "HIGH"]'),
        ({"trivy": {"databases": "registry.example.com"}},
         "trivy.databases must match ^[a-z0-9.-]+(:[0-9]{1,5})?/[a-z0-9]+([._/-][a-z0-9]+)*$, got "
         "registry.example.com"),
        ({"falko": {}}, "falko is not a setting; did you mean falco?"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_to_write(block: Any, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(**block)

    assert [line(error, SecuritySettings) for error in refused.value.errors()] == [told]
