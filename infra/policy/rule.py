"""A rule, what it judges, and what it finds."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, TypeGuard

Plain: TypeAlias = Any
"""What YAML can hold."""

UNKNOWN = "${unknown: any}"
"""Stands for a value that only `up` knows; the offline preview has markers of the same shape with a path."""
_MARKER = re.compile(r"\$\{[^{}]+\}")


class Level(StrEnum):
    """What a violation does."""

    MANDATORY = "mandatory"
    """It refuses the stack."""
    ADVISORY = "advisory"
    """It is told, no more."""


class Judged(Protocol):
    """A resource as rules see it; the offline preview's `Resource` is one."""

    @property
    def urn(self) -> str:
        """Unique in the stack; begins `urn:pulumi:<stack>::`."""
        ...

    @property
    def type(self) -> str:
        """The token: `aws:eks/cluster:Cluster`."""
        ...

    @property
    def name(self) -> str:
        """The logical name."""
        ...

    @property
    def inputs(self) -> Mapping[str, Plain]:
        """What the program asked for, by wire name."""
        ...

    @property
    def protect(self) -> bool:
        """Whether `destroy` refuses to delete it."""
        ...

    @property
    def property_dependencies(self) -> Mapping[str, Sequence[str]]:
        """The URNs of the resources that each input comes from."""
        ...


@dataclass(frozen=True)
class Violation:
    """What an input is and must not be; `None` is an input that is absent."""

    path: str
    value: Plain


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One demand on each resource for which `judges` is true."""

    name: str
    demands: str
    """A sentence."""
    fix: str
    """What to do, as the end of a sentence."""
    source: str
    """Where its reason is written."""
    judges: Callable[[Judged], bool]
    check: Callable[[Judged], Iterable[Violation]]
    level: Level = Level.MANDATORY


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """A demand for which a resource is compared with the others of its stack: `check` is of the resource alone."""

    check: Callable[[Judged], Iterable[Violation]] = lambda _: ()
    compare: Callable[[Judged, Sequence[Judged]], Iterable[Violation]]


def of(*types: str) -> Callable[[Judged], bool]:
    """Judge resources of these types."""
    return lambda resource: resource.type in types


def is_map(value: Plain) -> TypeGuard[Mapping[str, Plain]]:
    """Tell whether `value` is a map."""
    return isinstance(value, Mapping)


def is_list(value: Plain) -> TypeGuard[list[Plain]]:
    """Tell whether `value` is a list."""
    return isinstance(value, list)


def is_unknown(value: Plain) -> bool:
    """Tell whether only `up` knows `value`: it cannot be judged, and the engine judges it then."""
    return isinstance(value, str) and bool(_MARKER.fullmatch(value))


def at(value: Plain, path: str) -> Plain:
    """Return what lies at a dotted path through maps: None where a key is absent, a marker where one is in the way."""
    for key in path.split("."):
        if not is_map(value):
            return value if is_unknown(value) else None
        value = value.get(key)
    return value


def each(value: Plain, path: str) -> Iterator[tuple[str, Plain]]:
    """Yield the items of the list at a dotted path, each with its own path: `rules[0]`."""
    found = at(value, path)
    if is_list(found):
        yield from ((f"{path}[{number}]", item) for number, item in enumerate(found))


def must(value: Plain, path: str, allowed: Callable[[Plain], object], below: str = "") -> Iterator[Violation]:
    """Yield a violation unless what lies at `path` is allowed or unknown; `below` is the path of `value` itself."""
    found = at(value, path)
    if not is_unknown(found) and not allowed(found):
        yield Violation(f"{below}.{path}" if below else path, found)


def is_true(value: Plain) -> bool:
    """Tell whether it is true; some of AWS's flags are text."""
    return value in (True, "true")
