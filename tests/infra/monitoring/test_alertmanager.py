import json
from typing import Any

import pytest

from infra.monitoring.alertmanager import (
    CRITICAL,
    NOBODY,
    SECRETS_FOLDER,
    TEMPLATE,
    WARNING,
    alertmanager_values,
    configuration,
)
from infra.settings.notifications import NotificationSettings

MAIL = {"address": "smtp.example.com:587", "sender": "alerts@example.com"}
STORAGE: dict[str, Any] = {"volumeClaimTemplate": {"spec": {"storageClassName": "encrypted"}}}
RECEIVERS: dict[str, Any] = {
    "slack": {"webhook": "alerts-slack"},
    "emails": ["a@example.com", "b@example.com"],
    "pagerDuty": {"routingKey": "alerts-pagerduty"},
    "webhook": {"url": "alerts-webhook"},
}


def read(**block: Any) -> NotificationSettings:
    return NotificationSettings.model_validate_json(json.dumps(block))


def of(**block: Any) -> dict[str, Any]:
    return configuration(read(**block), "/secrets")


def receiver(found: dict[str, Any], name: str) -> dict[str, Any]:
    (mine,) = [each for each in found["receivers"] if each["name"] == name]
    return mine


def test_without_settings_nobody_is_told_and_nothing_is_mounted() -> None:
    values = alertmanager_values(None, None, STORAGE)

    assert values["config"]["receivers"] == [{"name": NOBODY}]
    assert (values["config"]["route"]["receiver"], values["config"]["route"]["routes"]) == (NOBODY, [])
    assert values["alertmanagerSpec"]["secrets"] == []
    assert SECRETS_FOLDER not in json.dumps(values)


@pytest.mark.parametrize(("key", "kind"), [
    ("slack", "slack_configs"), ("emails", "email_configs"), ("pagerDuty", "pagerduty_configs"),
    ("webhook", "webhook_configs"),
])  # fmt: skip
def test_each_way_of_telling_is_there_alone_or_with_the_others_and_tells_of_the_end(key: str, kind: str) -> None:
    alone = receiver(of(warning={key: RECEIVERS[key]}, mailServer=MAIL), WARNING)
    together = receiver(of(warning=RECEIVERS, mailServer=MAIL), WARNING)

    assert alone == {"name": WARNING, kind: together[kind]}
    assert {each["send_resolved"] for each in together[kind]} == {True}


def test_secrets_are_files_and_never_values() -> None:
    found = of(critical=RECEIVERS, mailServer={**MAIL, "userName": "alerts", "password": "alerts-smtp"})
    told = receiver(found, CRITICAL)

    assert told["slack_configs"][0]["api_url_file"] == "/secrets/alerts-slack"
    assert told["pagerduty_configs"][0]["routing_key_file"] == "/secrets/alerts-pagerduty"
    assert told["webhook_configs"][0]["url_file"] == "/secrets/alerts-webhook"
    assert found["global"]["smtp_auth_password_file"] == "/secrets/alerts-smtp"
    for given in ("api_url", "routing_key", "url", "smtp_auth_password"):
        assert f'"{given}"' not in json.dumps(found)


def test_every_address_gets_its_own_mail_over_an_encrypted_connection() -> None:
    found = of(warning={"emails": RECEIVERS["emails"]}, mailServer=MAIL)

    assert [each["to"] for each in receiver(found, WARNING)["email_configs"]] == RECEIVERS["emails"]
    assert found["global"]["smtp_require_tls"] is True
    assert "smtp_auth_username" not in found["global"]


def test_a_webhook_of_slack_goes_to_its_own_channel_unless_the_settings_name_one() -> None:
    own = receiver(of(warning={"slack": {"webhook": "a"}}), WARNING)["slack_configs"][0]
    named = receiver(of(warning={"slack": {"webhook": "a", "channel": "#b"}}), WARNING)["slack_configs"][0]

    assert "channel" not in own
    assert named["channel"] == "#b"


def test_who_hears_of_warnings_hears_of_worse_where_nobody_else_does() -> None:
    found = of(warning={"slack": {"webhook": "a"}})

    assert receiver(found, CRITICAL) == {**receiver(found, WARNING), "name": CRITICAL}


def test_what_is_worse_is_told_sooner_and_more_often() -> None:
    routes = {each["receiver"]: each for each in of(warning=RECEIVERS, mailServer=MAIL)["route"]["routes"]}

    assert (routes[CRITICAL]["group_wait"], routes[CRITICAL]["repeat_interval"]) == ("10s", "1h")
    assert (routes[WARNING].get("group_wait"), routes[WARNING]["repeat_interval"]) == (None, "12h")


def test_the_chart_gets_the_texts_and_the_address_that_messages_link_to() -> None:
    values = alertmanager_values(read(alertmanagerUrl="https://alerts.example.com"), "secret", STORAGE)

    assert values["templateFiles"] == {"notifications.tmpl": TEMPLATE.read_text(encoding="utf-8")}
    assert values["config"]["templates"] == ["/etc/alertmanager/config/*.tmpl"]
    assert values["alertmanagerSpec"]["externalUrl"] == "https://alerts.example.com"
    assert values["alertmanagerSpec"]["storage"] == STORAGE
