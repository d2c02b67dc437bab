"""The `monitoring.notifications` block: who hears of alerts, and how."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.model import Settings, distinct
from infra.settings.secrets import SecretName, is_map, unshown

EmailAddress = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$")]


class SlackSettings(Settings):
    """A channel of Slack."""

    webhook: SecretName
    """Secret with the URL of an incoming webhook."""
    channel: Annotated[str, Field(pattern=r"^[#@][^\s]+$")] | None = None
    """Channel, as `#alerts`, for a webhook that takes any; absent means the webhook's own."""


class PagerDutySettings(Settings):
    """A service of PagerDuty."""

    routing_key: SecretName
    """Secret with the integration key of its Events API v2."""


class WebhookSettings(Settings):
    """Any other receiver of Alertmanager's own JSON (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config)."""

    url: SecretName
    """Secret with its URL."""


# A secret in the place of the block that names it is refused without being repeated.
Slack = Annotated[SlackSettings, unshown(is_map, "must be as {webhook: alerts-slack}, with the name of a secret")]
PagerDuty = Annotated[
    PagerDutySettings, unshown(is_map, "must be as {routingKey: alerts-pagerduty}, with the name of a secret")
]
Webhook = Annotated[WebhookSettings, unshown(is_map, "must be as {url: alerts-webhook}, with the name of a secret")]


class ReceiverSettings(Settings):
    """Who hears of alerts of one severity; all of those that are given."""

    slack: Slack | None = None
    """A channel of Slack."""
    emails: Annotated[tuple[EmailAddress, ...], AfterValidator(distinct)] = ()
    """Addresses, by way of `mailServer`."""
    pager_duty: PagerDuty | None = None
    """A service of PagerDuty."""
    webhook: Webhook | None = None
    """Another system."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets that it needs."""
        slack, pager_duty, webhook = self.slack, self.pager_duty, self.webhook
        found = (slack and slack.webhook, pager_duty and pager_duty.routing_key, webhook and webhook.url)
        return tuple(name for name in found if name)

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.secrets or self.emails):
            raise ValueError("must have slack, emails, pagerDuty or webhook")
        return self


class MailServerSettings(Settings):
    """Who takes mail; the connection is always encrypted (STARTTLS, or TLS on port 465)."""

    address: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+:[0-9]{1,5}$")]
    """Host and port, as `smtp.example.com:587`."""
    sender: EmailAddress
    """Whom mails are from."""
    user_name: str | None = None
    """Who logs in; absent where nobody does."""
    password: SecretName | None = None
    """Secret with the password of `userName`."""

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if (self.user_name is None) != (self.password is None):
            absent = "password" if self.password is None else "userName"
            raise ValueError(f"{absent} must be given where the other of userName and password is; add it")
        return self


class NotificationSettings(Settings):
    """Who hears of the alerts of every cluster; `info` reaches nobody. Secrets are named, as in `serving.secrets`."""

    critical: ReceiverSettings | None = None
    """Who is to act at once; absent means those of `warning`."""
    warning: ReceiverSettings | None = None
    """Who is to act within days; absent means nobody."""
    mail_server: MailServerSettings | None = None
    """How `emails` are sent."""
    heartbeat: Webhook | None = None
    """Somebody outside who hears every five minutes that alerting works, and tells people when that stops."""
    alertmanager_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")] = "http://localhost:9093"
    """How people reach Alertmanager, for links in messages; by default through `kubectl port-forward`."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets in the store that they need, each once."""
        password = (self.mail_server.password,) if self.mail_server and self.mail_server.password else ()
        receivers = [each for each in (self.critical, self.warning) if each]
        heartbeat = (self.heartbeat.url,) if self.heartbeat else ()
        return tuple(sorted({*password, *heartbeat, *(name for each in receivers for name in each.secrets)}))

    @model_validator(mode="after")
    def _mail_has_a_server(self) -> Self:
        for name, receiver in (("critical", self.critical), ("warning", self.warning)):
            if receiver and receiver.emails and not self.mail_server:
                raise ValueError(f"mailServer must be given where {name}.emails are; add it, or remove {name}.emails")
        return self
