"""The `serving.rollout` block: versions side by side, and the share of requests that each gets (docs/rollouts.md)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.settings.image import ImageByDigest
from infra.settings.model import DnsLabel, Settings, unit
from infra.settings.replicas import ReplicaSettings

MAX_TRACKS = 4
"""More than anybody compares; each has pods, and so GPUs, of its own."""


class Traffic(StrEnum):
    """What shares the requests out."""

    GATEWAY_API = "gateway-api"
    ISTIO = "istio"
    LINKERD = "linkerd"
    BLUE_GREEN = "blue-green"

    @property
    def is_mesh(self) -> bool:
        """Whether the proxies beside the clients do it, so that clients without one know nothing of weights."""
        return self in (Traffic.ISTIO, Traffic.LINKERD)


class TrackSettings(Settings):
    """One version of the service, with pods of its own."""

    weight: Annotated[int, Field(ge=0, le=100), unit("percent")]
    """Share of the requests; 0 runs it without any. A change of weights changes nothing else."""
    model_version: Annotated[str, Field(pattern=r"^[0-9]+$")] | None = None
    """The model's version in the repository, in quotes; absent means `model.version`."""
    image: ImageByDigest | None = None
    """The server's image, by digest; absent means the stack's own."""
    replicas: ReplicaSettings | None = None
    """Bounds of its replica count; absent means `serving.replicas`."""


class RolloutSettings(Settings):
    """Versions of the service side by side."""

    traffic: Traffic = Traffic.GATEWAY_API
    """What shares the requests out: the stack's gateway, a mesh that the cluster has, or, for two tracks of which one
    gets everything, the Service's selector."""
    tracks: Annotated[dict[DnsLabel, TrackSettings], Field(min_length=1)]
    """Tracks by name, as `stable` and `canary`; their weights add up to 100."""

    @property
    def weights(self) -> Mapping[str, int]:
        """Percent of the requests by track."""
        return {name: track.weight for name, track in self.tracks.items()}

    @model_validator(mode="after")
    def _tracks_are_few(self) -> Self:
        if len(self.tracks) > MAX_TRACKS:
            raise ValueError(
                f"tracks must be at most {MAX_TRACKS}, since each has pods of its own, got {len(self.tracks)}; "
                "remove one"
            )
        return self

    @model_validator(mode="after")
    def _weights_are_the_whole(self) -> Self:
        weights = self.weights.values()
        if sum(weights) == 100:
            return self
        added = " + ".join(map(str, weights))
        shown = added if len(weights) == 1 else f"{added} = {sum(weights)}"
        raise ValueError(f"tracks must have weights that add up to 100, got {shown}; change one")

    @model_validator(mode="after")
    def _blue_green_has_one_live_track_of_two(self) -> Self:
        if self.traffic is Traffic.BLUE_GREEN and sorted(self.weights.values()) != [0, 100]:
            got = ", ".join(f"{name} {weight}" for name, weight in self.weights.items())
            raise ValueError(
                "tracks must be two where traffic is blue-green, one with weight 100 and one with 0, since a Service "
                f"selects one, got {got}; change the weights, or traffic"
            )
        return self
