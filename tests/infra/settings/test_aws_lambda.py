import json

import pytest
from pydantic import BaseModel, ValidationError

from infra.settings.aws_lambda import LambdaSettings
from infra.settings.messages import line
from infra.settings.monitoring import MonitoringSettings

CALLER = "arn:aws:iam::111122223333:role/ci/client"


def complaint(model: type[BaseModel], block: dict[str, object]) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(json.dumps(block))
    return "; ".join(line(error, model) for error in caught.value.errors())


def test_an_empty_block_is_the_safe_and_cheap_choice() -> None:
    settings = LambdaSettings()

    assert (settings.memory_mib, settings.timeout_seconds) == (None, None)
    assert (settings.provisioned_concurrency, settings.callers, settings.tracing) == (None, (), False)


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"memoryMib": 127}, "memoryMib must be at least 128, got 127"),
        ({"memoryMib": 10241}, "memoryMib must be at most 10240, got 10241"),
        ({"timeoutSeconds": 901}, "timeoutSeconds must be at most 900, got 901"),
        ({"ephemeralStorageMib": 511}, "ephemeralStorageMib must be at least 512, got 511"),
        ({"canary": {}}, "canary.stable is required"),
        ({"canary": {"stable": 3}}, "canary.stable must be text (put it in quotes), got 3"),
        ({"canary": {"stable": "$LATEST"}}, "canary.stable must match ^[1-9][0-9]*$, got $LATEST"),
        ({"canary": {"stable": "3", "percent": 100}}, "canary.percent must be at most 99, got 100"),
        ({"callers": [CALLER, CALLER]}, f'callers must name each once, got ["{CALLER}", "{CALLER}"]'),
        ({"callers": ["*"]}, "callers.0 must match ^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/.+$, got *"),
        (
            {"reservedConcurrency": 5, "provisionedConcurrency": 6},
            "provisionedConcurrency must be at most reservedConcurrency, 5, got 6",
        ),
        (
            {"provisionedConcurrency": 1, "canary": {"stable": "3"}},
            "canary.percent must be 0 where provisionedConcurrency is set, got 10: Lambda does not split what it "
            "provisions; remove provisionedConcurrency until the canary is over",
        ),
    ],
)
def test_a_wrong_setting_is_told_by_key_rule_and_value(block: dict[str, object], told: str) -> None:
    assert complaint(LambdaSettings, block) == told


def test_what_is_provisioned_may_be_rolled_back() -> None:
    block = {"provisionedConcurrency": 2, "reservedConcurrency": 2, "canary": {"stable": "3", "percent": 0}}

    assert LambdaSettings.model_validate(block).canary


@pytest.mark.parametrize("address", ["ops", "ops@", "@example.com", "ops@example", "a b@example.com"])
def test_an_alarm_goes_to_an_address(address: str) -> None:
    assert complaint(MonitoringSettings, {"alarmEmails": [address]}).startswith("alarmEmails.0 must match")
    assert MonitoringSettings.model_validate({"alarmEmails": ("ops@mail.example.com",)}).alarm_emails


def test_an_address_is_named_once() -> None:
    assert "must name each once" in complaint(MonitoringSettings, {"alarmEmails": ["a@example.com"] * 2})
