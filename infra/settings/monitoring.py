"""The `monitoring` block."""

from typing import Annotated

from pydantic import AfterValidator, Field

from infra.settings.model import ByteQuantity, Settings, distinct, unit


class ObjectiveSettings(Settings):
    """What the service promises; the alerts fire when it is broken."""

    p95_latency_ms: Annotated[float, Field(gt=0, le=5000), unit("milliseconds")] = 250
    """95th percentile of request duration, milliseconds."""
    error_percent: Annotated[float, Field(gt=0, lt=100), unit("percent")] = 1
    """Requests answered with a server error, percent."""


EmailAddress = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$")]


class MonitoringSettings(Settings):
    """Prometheus, Alertmanager and Grafana in the cluster, and alarms of the endpoints that a cloud runs."""

    retention_days: Annotated[int, Field(ge=1), unit("days")] = 7
    """Days that Prometheus keeps its series."""
    storage: ByteQuantity = "20Gi"
    """Size of Prometheus's volume."""
    objectives: ObjectiveSettings = ObjectiveSettings()
    """Service-level objectives."""
    alarm_emails: Annotated[tuple[EmailAddress, ...], AfterValidator(distinct)] = ()
    """Who hears of managed endpoints' alarms; in AWS each first confirms by mail. Empty: the alarms tell nobody."""
