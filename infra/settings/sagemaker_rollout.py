"""How an update reaches a SageMaker endpoint that is running."""

from enum import StrEnum
from math import ceil
from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.settings.model import Settings, unit

MAX_WAIT_SECONDS = 7 * 3600
"""All waits of one update; SageMaker gives up on an update after 8 hours, and starting instances takes its time."""


class Strategy(StrEnum):
    """In how many steps, and with how many instances beside the old ones."""

    ALL_AT_ONCE = "all-at-once"
    CANARY = "canary"
    LINEAR = "linear"
    ROLLING = "rolling"


class RolloutSettings(Settings):
    """How an update reaches a running endpoint; the alarms of `monitoring` roll it back."""

    strategy: Strategy = Strategy.ALL_AT_ONCE
    """`all-at-once`, `canary` and `linear` need the instances twice while they last, `rolling` only a share more."""
    percent: Annotated[int, Field(ge=5, le=50), unit("percent")] = 10
    """Share of the instances in the canary, or in each step of `linear` (10 at least) and `rolling`."""
    bake_seconds: Annotated[int, Field(ge=0, le=3600), unit("seconds")] = 600
    """Seconds that the alarms are watched after each step; they need five minutes of data to fire."""

    @property
    def wait_seconds(self) -> int:
        """Seconds that a whole update waits."""
        parts = ceil(100 / self.percent)
        steps = {Strategy.ALL_AT_ONCE: 1, Strategy.CANARY: 2, Strategy.LINEAR: parts + 1, Strategy.ROLLING: parts}
        return steps[self.strategy] * self.bake_seconds

    @model_validator(mode="after")
    def _within_what_sagemaker_takes(self) -> Self:
        if self.strategy is Strategy.LINEAR and self.percent < 10:
            raise ValueError(f"percent must be at least 10 where strategy is linear, got {self.percent}")
        if self.wait_seconds > MAX_WAIT_SECONDS:
            raise ValueError(
                f"bakeSeconds must let an update end: its steps wait {self.wait_seconds} seconds, at most "
                f"{MAX_WAIT_SECONDS} are possible; lower it or raise percent"
            )
        return self
