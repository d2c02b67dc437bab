"""The `serving.autoscaling` block: what the number of replicas follows (docs/autoscaling.md)."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.settings.model import Settings, unit

LEAST_QUIET_SECONDS = 120
"""Twice what a rate looks back over: it is too low for up to as long before a gap in the scrapes, and after it."""


class RequestRateSettings(Settings):
    """As many replicas as the requests need, by what one was measured to answer."""

    capacity: Annotated[float, Field(ge=0.1, le=1_000_000), unit("requests/s")]
    """Requests per second that one replica answers within its objectives, measured on the node type it runs on."""
    utilisation: Annotated[int, Field(ge=10, le=95), unit("percent")] = 70
    """Share of the capacity to use, percent; the rest carries what the load grows by until a new replica is ready."""

    @property
    def target(self) -> float:
        """Requests per second for each replica."""
        return self.capacity * self.utilisation / 100


class AutoscalingSettings(Settings):
    """What the number of replicas follows; of several metrics the one that asks for the most replicas decides."""

    cpu_utilisation: Annotated[int, Field(ge=10, le=95), unit("percent")] = 70
    """Average CPU use over requests, percent, that the autoscaler aims at."""
    memory_utilisation: Annotated[int | None, Field(ge=10, le=95), unit("percent")] = None
    """Average memory use over requests, percent, to aim at; for models whose memory grows and falls with the load."""
    requests_per_second: RequestRateSettings | None = None
    """Inference requests per second, counted by Prometheus; absent leaves them out."""
    queue_time_ms: Annotated[float | None, Field(ge=0.1, le=60_000), unit("milliseconds")] = None
    """Mean wait for the model, milliseconds, past which replicas are added; set it beside `requestsPerSecond`, since a
    short wait does not tell how many replicas could go."""
    scale_down_seconds: Annotated[int, Field(ge=0, le=3600), unit("seconds")] = 300
    """Seconds of lower load before replicas go."""

    @property
    def asks_prometheus(self) -> bool:
        """Whether a metric comes from there."""
        return self.requests_per_second is not None or self.queue_time_ms is not None

    @model_validator(mode="after")
    def _a_gap_takes_no_replica_away(self) -> Self:
        if self.asks_prometheus and self.scale_down_seconds < LEAST_QUIET_SECONDS:
            raise ValueError(
                f"scaleDownSeconds must be at least {LEAST_QUIET_SECONDS} where requestsPerSecond or queueTimeMs is "
                f"given, got {self.scale_down_seconds}: around a gap in scrapes they are too low for as long; raise it"
            )
        return self
