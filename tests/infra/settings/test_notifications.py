import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.messages import line
from infra.settings.monitoring import MonitoringSettings
from infra.settings.notifications import NotificationSettings

MARKER = "https://hooks.example.com/Hunter2"
MAIL = {"address": "smtp.example.com:587", "sender": "alerts@example.com"}
NO_SECRET = "must be the name of a secret in the store: at most 127 lower-case letters, digits and hyphens"


def read(**block: Any) -> NotificationSettings:
    return NotificationSettings.model_validate_json(json.dumps(block))


def mistakes(document: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        MonitoringSettings.model_validate_json(json.dumps({"notifications": document}))
    return [line(error, MonitoringSettings) for error in caught.value.errors()]


def test_without_settings_nobody_is_told() -> None:
    assert MonitoringSettings.model_validate_json("{}").notifications is None
    assert read().secrets == ()


def test_every_secret_that_is_named_is_asked_for_once() -> None:
    settings = read(
        critical={"pagerDuty": {"routingKey": "key"}, "slack": {"webhook": "slack"}, "emails": ["a@example.com"]},
        warning={"slack": {"webhook": "slack", "channel": "#alerts"}, "webhook": {"url": "other"}},
        mailServer={**MAIL, "userName": "alerts", "password": "smtp"},
        heartbeat={"url": "beat"},
    )

    assert settings.secrets == ("beat", "key", "other", "slack", "smtp")


@pytest.mark.parametrize(
    ("document", "mistake"),
    [
        ({"critical": {}}, "notifications.critical must have slack, emails, pagerDuty or webhook, got {}"),
        ({"warning": {"emails": ["a@example.com"]}},
         "notifications.mailServer must be given where warning.emails are; add it, or remove warning.emails"),
        ({"warning": {"emails": ["team"]}, "mailServer": MAIL}, "notifications.warning.emails.0 must match "),
        ({"warning": {"emails": ["a@example.com"] * 2}, "mailServer": MAIL},
         "notifications.warning.emails must name each once"),
        ({"mailServer": {**MAIL, "address": "smtp.example.com"}}, "notifications.mailServer.address must match "),
        ({"mailServer": {**MAIL, "userName": "alerts"}},
         "notifications.mailServer.password must be given where the other of userName and password is; add it"),
        ({"mailServer": {**MAIL, "password": "smtp"}},
         "notifications.mailServer.userName must be given where the other of userName and password is; add it"),
        ({"critical": {"slack": {"webhook": "slack", "channel": "alerts"}}},
         "notifications.critical.slack.channel must match "),
        ({"info": {"slack": {"webhook": "slack"}}}, "notifications.info is not a setting; "),
        ({"alertmanagerUrl": "alerts.example.com"}, "notifications.alertmanagerUrl must match "),
    ],
)  # fmt: skip
def test_a_mistake_says_what_is_wrong(document: object, mistake: str) -> None:
    (told,) = mistakes(document)

    assert told.startswith(mistake)


@pytest.mark.parametrize(
    ("document", "mistake"),
    [
        ({"critical": {"slack": {"webhook": MARKER}}}, f"notifications.critical.slack.webhook {NO_SECRET}"),
        ({"critical": {"slack": MARKER}}, "notifications.critical.slack must be as {webhook: alerts-slack}, "),
        ({"critical": {"pagerDuty": {"routingKey": MARKER}}},
         f"notifications.critical.pagerDuty.routingKey {NO_SECRET}"),
        ({"critical": {"pagerDuty": MARKER}}, "notifications.critical.pagerDuty must be as {routingKey: "),
        ({"critical": {"webhook": MARKER}}, "notifications.critical.webhook must be as {url: "),
        ({"heartbeat": MARKER}, "notifications.heartbeat must be as {url: "),
        ({"heartbeat": {"url": MARKER}}, f"notifications.heartbeat.url {NO_SECRET}"),
        ({"mailServer": {**MAIL, "userName": "alerts", "password": MARKER}},
         f"notifications.mailServer.password {NO_SECRET}"),
        ({"critical": {"slack": {"url": MARKER, "webhook": "slack"}}}, "notifications.critical.slack.url is not a "),
    ],
)  # fmt: skip
def test_a_secret_in_the_place_of_its_name_is_refused_and_not_repeated(document: object, mistake: str) -> None:
    (told,) = mistakes(document)

    assert told.startswith(mistake)
    assert MARKER not in told
