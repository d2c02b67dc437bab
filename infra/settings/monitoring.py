"""The `monitoring` block."""

from typing import Annotated

from pydantic import AfterValidator, Field

from infra.settings.logs import LogSettings
from infra.settings.model import ByteQuantity, Settings, distinct, unit
from infra.settings.notifications import EmailAddress, NotificationSettings
from infra.settings.prices import Prices, PriceSettings
from infra.settings.tracing import TraceStoreSettings


class ObjectiveSettings(Settings):
    """What the service promises; the alerts fire when it is broken."""

    p95_latency_ms: Annotated[float, Field(gt=0, le=5000), unit("milliseconds")] = 250
    """95th percentile of request duration, milliseconds."""
    error_percent: Annotated[float, Field(gt=0, le=5), unit("percent")] = 1
    """Requests answered with a server error, percent; of more, the fastest alert's 14.4 times would not be possible."""


class MonitoringSettings(Settings):
    """Prometheus, Alertmanager and Grafana in the cluster, and alarms of the endpoints that a cloud runs."""

    retention_days: Annotated[int, Field(ge=1), unit("days")] = 7
    """Days that Prometheus keeps its series; alerts look back three at most, and at no more than there is."""
    storage: ByteQuantity = "20Gi"
    """Size of Prometheus's volume."""
    objectives: ObjectiveSettings = ObjectiveSettings()
    """Service-level objectives."""
    runbooks: Annotated[str, Field(pattern=r"^[^\s#]+$")] = "docs/runbooks/alerts.md"
    """Where alerts send people: the URL under which they reach the repository's `docs/runbooks/alerts.md`."""
    prices: Prices = Field(default_factory=dict[str, PriceSettings])
    """What nodes cost, by instance type: your own figures, in US dollars. Empty: dashboards show nodes, not money."""
    tracing: TraceStoreSettings | None = None
    """Where traces are taken and kept; absent means they are not, unless `serving.tracing` has a collector."""
    notifications: NotificationSettings | None = None
    """Who hears of the clusters' alerts; absent means nobody: they are seen in Alertmanager and Grafana."""
    logs: LogSettings | None = None
    """Where lines of containers are kept; absent leaves them on the nodes, until the kubelet deletes them."""
    alarm_emails: Annotated[tuple[EmailAddress, ...], AfterValidator(distinct)] = ()
    """Who hears of managed endpoints' alarms; in AWS each first confirms by mail. Empty: the alarms tell nobody."""
