"""The `monitoring.tracing` block."""

from typing import Annotated

from pydantic import AfterValidator, Field

from infra.settings.model import ByteQuantity, DnsLabel, Settings, distinct, unit


class TraceStoreSettings(Settings):
    """An OpenTelemetry collector and Jaeger on every cluster of the stack; the model server's traces go there."""

    retention_hours: Annotated[int, Field(ge=1, le=8760), unit("hours")] = 72
    """Hours that Jaeger keeps a trace."""
    storage: ByteQuantity = "10Gi"
    """Size of Jaeger's volume, which must hold `retentionHours` of traces; 100,000 traced requests take 200 MiB."""
    client_namespaces: Annotated[tuple[DnsLabel, ...], AfterValidator(distinct)] = ()
    """Namespaces of the cluster whose pods may send traces, beside the model server's."""
