"""Alertmanager's configuration: which alert reaches whom, and what it says.

https://prometheus.io/docs/alerting/latest/configuration/
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.settings.notifications import MailServerSettings, NotificationSettings, ReceiverSettings

TEMPLATE = Path(__file__).parent / "files" / "notifications.tmpl"
CONFIGURATION_FOLDER, SECRETS_FOLDER = "/etc/alertmanager/config", "/etc/alertmanager/secrets"
"""Where the operator mounts the configuration with its templates, and the Secrets that are named to it.

https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.AlertmanagerSpec
"""
NOBODY, CRITICAL, WARNING, HEARTBEAT = "nobody", "critical", "warning", "heartbeat"
"""The receivers."""

GONE = ("MetricsMissing", "NoServerReady")
"""Alerts that say that a service, or a track of it, is not there: they explain whatever else is wrong with it."""

TITLE, TEXT = '{{ template "notification.title" . }}', '{{ template "notification.text" . }}'


def alertmanager_values(
    notifications: NotificationSettings | None, secret: str | None, storage: Mapping[str, Any]
) -> dict[str, Any]:
    """The chart's values of Alertmanager; `secret` is the Secret whose keys are the names of the store's secrets."""
    settings = notifications or NotificationSettings()
    return {
        "config": configuration(settings, f"{SECRETS_FOLDER}/{secret}"),
        "templateFiles": {TEMPLATE.name: TEMPLATE.read_text(encoding="utf-8")},
        "alertmanagerSpec": {
            "externalUrl": settings.alertmanager_url,
            "secrets": [secret] if secret else [],
            # Silences, and what was told to whom, outlive the pod.
            "storage": dict(storage),
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        },
    }


def configuration(settings: NotificationSettings, folder: str) -> dict[str, Any]:
    """Alertmanager's own configuration; secrets are files of `folder`, named as in the store.

    Without settings alerts are seen in Alertmanager and Grafana, and nobody is told.
    """
    critical, warning = settings.critical or settings.warning, settings.warning
    receivers: list[dict[str, Any]] = [{"name": NOBODY}]
    receivers += [
        {"name": name, **_receiver(who, folder)} for name, who in ((CRITICAL, critical), (WARNING, warning)) if who
    ]
    if settings.heartbeat:
        beat = {"url_file": f"{folder}/{settings.heartbeat.url}", "send_resolved": False}
        receivers.append({"name": HEARTBEAT, "webhook_configs": [beat]})
    return {
        "global": {"resolve_timeout": "5m", **(_mail(settings.mail_server, folder) if settings.mail_server else {})},
        "route": route([receiver["name"] for receiver in receivers]),
        "inhibit_rules": inhibitions(),
        "receivers": receivers,
        "templates": [f"{CONFIGURATION_FOLDER}/*.tmpl"],
    }


def route(receivers: list[str]) -> dict[str, Any]:
    """Alerts go by severity, one message for what one alert says of one track; `info` and what has none go nowhere.

    The chart's own Watchdog always fires, so that its absence tells that alerting is broken.
    """
    routes: dict[str, dict[str, Any]] = {
        HEARTBEAT: {
            "matchers": ['alertname="Watchdog"'],
            "group_wait": "0s",
            "group_interval": "1m",
            "repeat_interval": "5m",
        },
        CRITICAL: {"matchers": ['severity="critical"'], "group_wait": "10s", "repeat_interval": "1h"},
        WARNING: {"matchers": ['severity="warning"'], "repeat_interval": "12h"},
    }
    return {
        "receiver": NOBODY,
        "group_by": ["alertname", "namespace", "track"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "12h",
        "routes": [{"receiver": name, **own} for name, own in routes.items() if name in receivers],
    }


def inhibitions() -> list[dict[str, Any]]:
    """What is not told since something worse, which explains it, is told already."""
    warning = ['severity="warning"']
    return [
        {
            "source_matchers": ['severity="critical"'],
            "target_matchers": warning,
            "equal": ["alertname", "namespace", "track"],
        },
        {
            "source_matchers": [f'alertname=~"{"|".join(GONE)}"'],
            "target_matchers": warning,
            "equal": ["namespace", "track"],
        },
    ]


def _receiver(who: ReceiverSettings, folder: str) -> dict[str, Any]:
    told: dict[str, list[dict[str, Any]]] = {}
    if who.slack:
        told["slack_configs"] = [_slack(f"{folder}/{who.slack.webhook}", who.slack.channel)]
    if who.emails:
        told["email_configs"] = [_email(address) for address in who.emails]
    if who.pager_duty:
        told["pagerduty_configs"] = [_pager_duty(f"{folder}/{who.pager_duty.routing_key}")]
    if who.webhook:
        told["webhook_configs"] = [{"url_file": f"{folder}/{who.webhook.url}", "send_resolved": True}]
    return told


def _slack(webhook: str, channel: str | None) -> dict[str, Any]:
    return {
        "api_url_file": webhook,
        **({"channel": channel} if channel else {}),
        "send_resolved": True,
        "title": TITLE,
        "text": TEXT,
    }


def _email(address: str) -> dict[str, Any]:
    return {"to": address, "send_resolved": True, "headers": {"Subject": TITLE}, "html": "", "text": TEXT}


def _pager_duty(routing_key: str) -> dict[str, Any]:
    return {
        "routing_key_file": routing_key,
        "send_resolved": True,
        "severity": "{{ .CommonLabels.severity }}",
        "description": TITLE,
        "details": {"text": TEXT, "runbook": "{{ .CommonAnnotations.runbook_url }}"},
    }


def _mail(server: MailServerSettings, folder: str) -> Mapping[str, Any]:
    login = {"smtp_auth_username": server.user_name, "smtp_auth_password_file": f"{folder}/{server.password}"}
    return {
        "smtp_smarthost": server.address,
        "smtp_from": server.sender,
        "smtp_require_tls": True,
        **(login if server.password else {}),
    }
