"""A resource's inputs against the types of its SDK, nested types included."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import pulumi

from infra.preview.markers import join, whole_marker
from infra.preview.sdk import Hint, Property, input_properties, is_enum, is_input_type, members
from infra.preview.wire import Plain, Secret, is_list, is_map

GROWING = {"InstanceType", "KnownDataFlowStreams", "KnownExtensionDataSourceStreams", "Runtime"}
"""Enums of the clouds' SDKs that list what there was at their release; the clouds take newer values too."""

_WORDS: dict[Hint, str] = {bool: "a boolean", int: "an integer", float: "a number", str: "a string"}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One input that breaks a rule: where, which rule, the value found, what to do."""

    path: str
    rule: str
    value: Plain
    fix: str


def check_inputs(args: type, inputs: Mapping[str, Plain]) -> list[Problem]:
    """Return every input of the input type `args` that the SDK's types refuse; a marker stands for any type."""
    return list(_check_object(args, inputs, ""))


def _check_object(args: type, value: Plain, path: str) -> Iterator[Problem]:
    if not is_map(value):
        yield _wrong_type("an object", value, path)
        return
    known = input_properties(args)
    given = {key: item for key, item in value.items() if item is not None}
    for key, item in given.items():
        if key in known:
            yield from _check_property(known[key], item, join(path, key))
        elif not key.startswith("__"):  # the engine's own keys, such as __defaults
            yield Problem(
                path=join(path, key), rule=f"unknown key of {args.__name__}", value=item, fix=_nearest(key, known)
            )
    for key, item in known.items():
        if item.required and key not in given:
            yield Problem(path=join(path, key), rule=f"required by {args.__name__}", value=None, fix="set it")


def _check_property(known: Property, value: Plain, path: str) -> Iterator[Problem]:
    problems = list(_check_value(known.hint, value, path))
    yield from problems
    if problems or not known.values:
        return
    items = value if is_list(value) else [value]
    for item in items:
        if isinstance(item, str) and not whole_marker(item) and item not in known.values:
            yield _not_a_member(known.values, item, path)


def _check_value(hint: Hint, value: Plain, path: str) -> Iterator[Problem]:
    value = value.value if isinstance(value, Secret) else value
    if whole_marker(value):
        return
    forms = _forms(hint)
    results = [list(_check_member(form, value, path)) for form in forms]
    if not all(results):
        return
    if is_map(value) and any(map(is_input_type, forms)):  # the object that is meant is the one it fits best
        yield from min((found for form, found in zip(forms, results, strict=True) if is_input_type(form)), key=len)
    elif len(results) == 1:
        yield from results[0]
    else:
        rules = dict.fromkeys(problems[0].rule.removeprefix("must be ") for problems in results)
        yield Problem(path=path, rule=f"must be {' or '.join(rules)}", value=value, fix="give one of these")


def _forms(hint: Hint) -> list[Hint]:
    """The types that a value may have; text outside an enum is taken for a slip even where the SDK admits any text."""
    found = [member for member in members(hint) if member is not type(None)]
    is_closed = any(is_enum(member) and member.__name__ not in GROWING for member in found)
    return [member for member in found if not (is_closed and member is str)]


def _check_member(hint: Hint, value: Plain, path: str) -> Iterator[Problem]:
    if is_input_type(hint):
        yield from _check_object(hint, value, path)
    elif get_origin(hint) is Literal:
        yield from _check_closed(get_args(hint), value, path)
    elif is_enum(hint):
        yield from _check_closed([member.value for member in hint], value, path)
    elif get_origin(hint) in (list, Sequence):
        yield from _check_list(hint, value, path)
    elif get_origin(hint) in (dict, Mapping):
        yield from _check_map(hint, value, path)
    elif not _is_a(hint, value):
        yield _wrong_type(_WORDS.get(hint, "an asset"), value, path)


def _check_list(hint: Hint, value: Plain, path: str) -> Iterator[Problem]:
    if not is_list(value):
        yield _wrong_type("a list", value, path)
        return
    for index, item in enumerate(value):
        yield from _check_value(get_args(hint)[0], item, f"{path}[{index}]")


def _check_map(hint: Hint, value: Plain, path: str) -> Iterator[Problem]:
    if not is_map(value):
        yield _wrong_type("a map", value, path)
        return
    for key, item in value.items():
        yield from _check_value(get_args(hint)[1], item, join(path, key))


def _check_closed(allowed: Sequence[Any], value: Plain, path: str) -> Iterator[Problem]:
    if value not in allowed:
        yield _not_a_member(allowed, value, path)


def _is_a(hint: Hint, value: Plain) -> bool:
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (str, bool):
        return isinstance(value, hint)
    if hint in (pulumi.Asset, pulumi.Archive):
        return is_map(value)
    return True


def _wrong_type(wanted: str, value: Plain, path: str) -> Problem:
    return Problem(path=path, rule=f"must be {wanted}", value=value, fix=f"give {wanted}")


def _not_a_member(allowed: Sequence[Any], value: Plain, path: str) -> Problem:
    rule = "must be one of " + ", ".join(str(member) for member in allowed)
    close = difflib.get_close_matches(str(value), [str(member) for member in allowed], n=1)
    return Problem(path=path, rule=rule, value=value, fix=f"did you mean {close[0]}?" if close else "use one of them")


def _nearest(key: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {close[0]}?" if close else "remove it; known keys: " + ", ".join(sorted(known))
