"""The clouds that the stand-in plays: what they hold, what they were asked, and what goes wrong in them."""

import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum

from infra.preview.plan import urn_name
from infra.preview.wire import Plain


class Operation(StrEnum):
    """What the engine asks of a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    READ = "read"


class RefusedError(Exception):
    """A cloud refuses an operation; the text is its message."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One operation that was carried out; times in seconds of the monotonic clock."""

    operation: Operation
    urn: str
    began: float
    ended: float


@dataclass(frozen=True, kw_only=True)
class Held:
    """One object of a cloud; `revision` counts its updates."""

    urn: str
    type: str
    id: str
    inputs: Plain
    outputs: Plain
    revision: int = 0

    def changed(self, name: str, value: Plain) -> "Held":
        """The object with another value of one property."""
        return replace(self, inputs={**self.inputs, name: value}, outputs={**self.outputs, name: value})


@dataclass
class Clouds:
    """Everything that stacks made and did not delete again; asked from many threads at once."""

    objects: dict[tuple[str, str], Held] = field(default_factory=dict[tuple[str, str], Held])
    journal: list[Entry] = field(default_factory=list[Entry])
    balancers: list[str] = field(default_factory=list[str])
    """Load balancers that a controller made for objects of nobody's stack; each goes after somebody saw it."""
    seconds: float = 0.0
    """How long a creation and a deletion take."""
    _refused: set[str] = field(default_factory=set[str])
    _made: Counter[str] = field(default_factory=Counter[str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def operation(self, operation: Operation, urn: str) -> Generator[None]:
        """Write what happens within into the journal; raises RefusedError where a test planted that."""
        began = time.monotonic()
        with self._lock:
            planted = next((suffix for suffix in self._refused if urn.endswith(suffix)), None)
            self._refused.discard(planted or "")
        if planted:
            raise RefusedError(f"InternalFailure: the {operation} of {urn_name(urn)} is refused this once")
        yield
        if operation in (Operation.CREATE, Operation.DELETE):
            time.sleep(self.seconds)
        with self._lock:
            self.journal.append(Entry(operation=operation, urn=urn, began=began, ended=time.monotonic()))

    def refuse_once(self, urn_suffix: str) -> None:
        """Let the next operation on a resource whose URN ends so fail."""
        self._refused.add(urn_suffix)

    @property
    def is_refusing(self) -> bool:
        """Whether something planted has not been met yet."""
        return bool(self._refused)

    def has_made(self, urn: str) -> bool:
        """Whether the resource was ever made here; what was not is somebody else's."""
        return self._made[urn] > 0

    def generation(self, urn: str) -> int:
        """How often the resource was made so far, this time included."""
        with self._lock:
            self._made[urn] += 1
            return self._made[urn]

    def put(self, held: Held) -> None:
        """Keep an object, in the place of an older state of it."""
        self.objects[held.urn, held.id] = held

    def get(self, urn: str, id_: str) -> Held | None:
        """An object, None when it is gone."""
        return self.objects.get((urn, id_))

    def find(self, urn_suffix: str) -> Held:
        """The one object of the resource whose URN ends so."""
        (found,) = (held for held in list(self.objects.values()) if held.urn.endswith(urn_suffix))
        return found

    def remove(self, urn: str, id_: str) -> None:
        """Forget an object; one that is gone already is no error, as in most clouds."""
        self.objects.pop((urn, id_), None)

    def of_type(self, type_: str) -> list[Held]:
        """Every object of a type."""
        return [held for held in list(self.objects.values()) if held.type == type_]
