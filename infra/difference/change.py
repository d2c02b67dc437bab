"""Resources that two plans have differently."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from infra.difference.replacement import asked_for, replaced, within
from infra.preview.markers import join
from infra.preview.plan import Resource
from infra.preview.wire import Plain, is_list, is_map

OPTIONS = ("protect", "retainOnDelete", "ignoreChanges", "deletedWith")
"""Resource options that decide what becomes of an object."""


class Action(StrEnum):
    """What `up` does to a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """An input, or a path in one, that has another value; None is one that is absent."""

    path: str
    before: Plain
    after: Plain
    replaces: bool = False


@dataclass(frozen=True, kw_only=True)
class Change:
    """A resource that is made, changed or taken away."""

    action: Action
    resource: Resource
    edits: Sequence[Edit] = ()


def changes(before: Sequence[Resource], after: Sequence[Resource]) -> list[Change]:
    """What becomes of each resource, in the order of `after`, then what goes, last made first; components apart."""
    old, new = _by_urn(before), _by_urn(after)
    kept = (_change(old.get(urn), resource) for urn, resource in new.items())
    gone = [resource for urn, resource in old.items() if urn not in new]
    deleted = [Change(action=Action.DELETE, resource=resource) for resource in reversed(gone)]
    return [*filter(None, kept), *deleted]


def differing(old: Plain, new: Plain, path: str = "") -> list[str]:
    """Where two plain values differ, as deep as both have the same shape."""
    return [path for path, _, _ in _edits(old, new, path)]


def _change(old: Resource | None, new: Resource) -> Change | None:
    if old is None:
        return Change(action=Action.CREATE, resource=new)
    edits = [*_input_edits(old, new), *_option_edits(old, new)]
    if not edits:
        return None
    action = Action.REPLACE if any(edit.replaces for edit in edits) else Action.UPDATE
    return Change(action=action, resource=new, edits=edits)


def _input_edits(old: Resource, new: Resource) -> Iterator[Edit]:
    found = {path: (one, other) for path, one, other in _edits(_opened(old.inputs), _opened(new.inputs))}
    heeded = [path for path in found if not within([path], new.ignore_changes)]
    fatal = {
        *replaced(new.type, heeded, old.inputs, new.inputs),
        *asked_for(heeded, new.options.get("replaceOnChanges", [])),
    }
    for path in heeded:
        one, other = found[path]
        yield Edit(path=path, before=one, after=other, replaces=path in fatal)


def _option_edits(old: Resource, new: Resource) -> Iterator[Edit]:
    pairs: Mapping[str, tuple[Plain, Plain]] = {
        **{key: (old.options.get(key), new.options.get(key)) for key in OPTIONS},
        "provider": (old.provider, new.provider),
    }
    for key, (one, other) in pairs.items():
        if one != other:
            yield Edit(path=f"option {key}", before=one, after=other)


def _edits(old: Plain, new: Plain, path: str = "") -> Iterator[tuple[str, Plain, Plain]]:
    if is_map(old) and is_map(new):
        for key in sorted({*old, *new}):
            yield from _edits(old.get(key), new.get(key), join(path, key))
    elif is_list(old) and is_list(new) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _edits(one, other, f"{path}[{index}]")
    elif old != new:
        yield path, old, new


def _opened(value: Plain) -> Plain:
    """`value` with JSON documents in texts, such as IAM's policies, as what they say."""
    if is_map(value):
        return {key: _opened(item) for key, item in value.items()}
    if is_list(value):
        return [_opened(item) for item in value]
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _by_urn(resources: Sequence[Resource]) -> dict[str, Resource]:
    return {resource.urn: resource for resource in resources if resource.custom}
