"""A job as Redis has it."""

from dataclasses import dataclass
from enum import StrEnum

from inference_app.protocols.call import Answer


class Status(StrEnum):
    """Where a job is; from the last three it goes nowhere."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self not in (Status.QUEUED, Status.RUNNING)


@dataclass(frozen=True, kw_only=True)
class JobState:
    """What is known of a job; times are in Unix seconds."""

    id: str
    status: Status
    model: str
    attempts: int
    """How often a worker began it."""
    submitted_at: float
    finished_at: float | None = None


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """The jobs that have no answer."""

    jobs: int
    oldest_seconds: float
    """Since the one that nobody has touched for longest was submitted or last begun; 0 where there is none."""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What a worker needs for an attempt."""

    model: str
    content_type: bytes
    body: bytes
    attempts: int
    """This one included."""
    submitted_at: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What `/predict` would have said: its status and its answer."""

    code: int
    answer: Answer
