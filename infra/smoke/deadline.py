"""How long a run may still take."""

import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Deadline:
    """A moment of the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """So many seconds from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds until then, a little at least: a socket takes 0 for `do not wait at all`."""
        return max(0.1, self.at - time.monotonic())

    def allows(self, seconds: float) -> bool:
        """Whether there is time for so many seconds more."""
        return time.monotonic() + seconds < self.at

    def pause(self, seconds: float) -> None:
        """Sleep so long, but never past the deadline."""
        time.sleep(min(seconds, self.remaining()))
