"""Questions and their answers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from infra.preflight.errors import Unanswerable


class Status(StrEnum):
    """What an answer means for `up`."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was asked, what was found and, unless that is well, what to do about it."""

    status: Status
    asked: str
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Question:
    """One thing to find out; `ask` raises `Unanswerable` where it cannot be, and may give an answer for each part."""

    asked: str
    ask: Callable[[], Iterable[Answer]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """What is asked in one place; where `sign_in` raises `NotSignedIn` nothing else is."""

    title: str
    questions: Sequence[Question]
    sign_in: Question | None = None


def ok(asked: str, found: str) -> Answer:
    """All is well."""
    return Answer(status=Status.OK, asked=asked, found=found)


def warning(asked: str, found: str, fix: str) -> Answer:
    """`up` succeeds, with less than one may expect."""
    return Answer(status=Status.WARNING, asked=asked, found=found, fix=fix)


def failed(asked: str, found: str, fix: str) -> Answer:
    """`up` fails, or the stack never reaches its maximum."""
    return Answer(status=Status.FAILED, asked=asked, found=found, fix=fix)


def unknown(asked: str, reason: Unanswerable) -> Answer:
    """Nobody knows."""
    return Answer(status=Status.UNKNOWN, asked=asked, found=reason.came, fix=reason.fix)
