"""What an audit finds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from infra.preflight.errors import NotSignedIn, Unanswerable


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """One thing that is still there; `ends` says when it goes by itself, and then it counts as gone."""

    kind: str
    name: str
    reason: str
    remove: str
    created: datetime | None = None
    ends: str | None = None
    known_as: frozenset[str] = frozenset()
    """What Pulumi's state would call it: names that no two things share."""


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """Where the audit could not look, and what to do about that."""

    place: str
    came: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found, and what could not be looked at: only an empty second half makes the first half complete."""

    leftovers: Sequence[Leftover] = ()
    unseen: Sequence[Unseen] = ()


Look = Callable[[], Iterable[Leftover]]


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Where to look, by the names of the places; `sign_in` raises `Unanswerable` where nobody can."""

    name: str
    sign_in: Callable[[], None]
    looks: Mapping[str, Look] = field(default_factory=dict[str, Look])


def look(clouds: Iterable[Cloud]) -> Findings:
    """Look everywhere; each thing once, however many looks see it."""
    found: dict[tuple[str, str], Leftover] = {}
    unseen: list[Unseen] = []
    for cloud in clouds:
        try:
            cloud.sign_in()
        except Unanswerable as error:
            unseen.append(Unseen(place=cloud.name, came=error.came, fix=error.fix))
            continue
        for place, find in cloud.looks.items():
            try:
                for each in find():
                    found.setdefault((each.kind.lower(), each.name.lower()), each)
            except Unanswerable as error:
                unseen.append(Unseen(place=f"{cloud.name}: {place}", came=error.came, fix=error.fix))
                if isinstance(error, NotSignedIn):
                    break
    return Findings(leftovers=list(found.values()), unseen=unseen)
