"""How many copies of the server run."""

from typing import Annotated

from pydantic import Field

from infra.settings.model import Bounds, unit

ROLLOUT_SURGE = 1
"""Pods above `replicas.max` while a rollout is under way."""


class ReplicaSettings(Bounds):
    """How many copies of the server run; the autoscaler moves between the bounds."""

    min: Annotated[int, Field(ge=1), unit("replicas")] = 1
    """Fewest replicas."""
    max: Annotated[int, Field(ge=1), unit("replicas")] = 2
    """Most replicas; with the one extra that a rollout needs they must fit the GPU pools."""
    min_outside_office_hours: Annotated[int | None, Field(ge=0), unit("replicas")] = None
    """Fewest replicas outside `officeHours`; absent means `min` around the clock. At 0 nothing answers then, whatever
    the load."""
