"""The versions of the service that run side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.monitoring.queries import TRACK_LABEL
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings

APP = "model-server"
LABELS = {"app.kubernetes.io/name": APP}
"""What the policies and the monitoring select the server's pods by."""

WORKER = "model-worker"
WORKER_LABELS = {"app.kubernetes.io/name": WORKER}
"""The same of the workers of asynchronous inference, which are in no track."""


@dataclass(frozen=True, kw_only=True)
class Track:
    """One version, with pods of its own and `weight` percent of the requests; `name` is None for one that is alone."""

    name: str | None
    weight: int
    model: ModelSettings
    settings: ServingSettings
    image: pulumi.Input[str]

    @property
    def object_name(self) -> str:
        """Name of its Deployment, Service, autoscaler and disruption budget."""
        return object_name(self.name)

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of its pods, and of no other track's.

        https://kubernetes.io/docs/concepts/workloads/management/#canary-deployments
        """
        return LABELS | ({TRACK_LABEL: self.name} if self.name else {})

    def logical_name(self, component: str) -> str:
        """Logical name of its resources below the component of that name."""
        return f"{component}-{self.name}" if self.name else component


def tracks(model: ModelSettings, settings: ServingSettings, image: pulumi.Input[str]) -> Sequence[Track]:
    """The tracks of `serving.rollout`; without one, the one that gets every request."""
    return [_track(name, own, settings, model, image) for name, own in settings.tracks.items()]


def deployments(settings: ServingSettings) -> Sequence[str]:
    """Names of the Deployments of the tracks and of the workers."""
    return [*map(object_name, settings.tracks), *([WORKER] if settings.asynchronous else [])]


def object_name(track: str | None) -> str:
    """Name of what belongs to a track, or to the one without a name."""
    return f"{APP}-{track}" if track else APP


def _track(
    name: str | None, own: ServingSettings, settings: ServingSettings, model: ModelSettings, image: pulumi.Input[str]
) -> Track:
    if name is None or settings.rollout is None:
        return Track(name=None, weight=100, model=model, settings=own, image=image)
    asked = settings.rollout.tracks[name]
    return Track(
        name=name,
        weight=asked.weight,
        model=model.model_copy(update={"version": asked.model_version or model.version}),
        settings=own,
        image=asked.image or image,
    )
