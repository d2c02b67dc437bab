"""What a resource gives back: its inputs, and a typed marker for each value that only `up` would know."""

import enum
from collections.abc import Mapping, Sequence
from typing import Literal, get_args, get_origin

from infra.preview.markers import join, marker
from infra.preview.sdk import (
    Hint,
    args_class,
    input_properties,
    is_output_type,
    members,
    output_hints,
    resource_class,
)
from infra.preview.wire import Plain, Secret, is_list, is_map

_SCALARS: dict[Hint, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def resource_outputs(owner: type, source: str, inputs: Mapping[str, Plain]) -> dict[str, Plain]:
    """Return the outputs of a resource of the SDK class `owner`, called `source` in markers.

    An input echoes. An optional input that the program left out stays out; every other missing output is a marker.
    """
    args = args_class(owner)
    accepted = input_properties(args) if args else {}
    outputs = dict(inputs)
    for name, hint in output_hints(owner).items():
        optional = name in accepted and type(None) in members(hint)
        if name in inputs or not optional:
            outputs[name] = fill(hint, join(source, name), inputs.get(name))
    return {name: value for name, value in outputs.items() if value is not None}


def result_outputs(owner: type, source: str, arguments: Mapping[str, Plain]) -> dict[str, Plain]:
    """Return the result of a function whose result type is `owner`; arguments that are also results echo."""
    filled = {name: fill(hint, join(source, name), arguments.get(name)) for name, hint in output_hints(owner).items()}
    return {name: value for name, value in filled.items() if value is not None}


def fill(hint: Hint, path: str, given: Plain, within: tuple[Hint, ...] = ()) -> Plain:
    """Return `given` shaped as `hint`, with markers for what it lacks; None where no marker fits the type."""
    if isinstance(given, Secret):
        return Secret(fill(hint, path, given.value, within))
    member: Hint = next((member for member in members(hint) if member is not type(None)), hint)
    if get_origin(member) is Literal:
        return get_args(member)[0]
    if is_output_type(member):
        return _fill_object(member, path, given, within)
    if isinstance(member, type) and issubclass(member, enum.Enum):
        return _enum_value([item.value for item in member], given)
    if get_origin(member) in (Sequence, list):
        return _fill_list(member, path, given, within)
    if get_origin(member) in (Mapping, dict):
        return given if is_map(given) else marker(path, "map")
    return marker(path, _SCALARS.get(member, "any")) if given is None else _scalar(member, path, given)


def _scalar(member: Hint, path: str, given: Plain) -> Plain:
    # The SDK crashes on a list or map where its type says otherwise; the check of the inputs says which and why.
    misfit = member in _SCALARS and (is_list(given) or is_map(given))
    return marker(path, _SCALARS[member]) if misfit else given


def _enum_value(allowed: list[Plain], given: Plain) -> Plain:
    # The SDK turns this output into the enum, so neither a marker nor a wrong value gets through.
    return given if given in allowed or given is None else allowed[0]


def _fill_object(member: type, path: str, given: Plain, within: tuple[Hint, ...]) -> Plain:
    if member in within or not (given is None or is_map(given)):
        return marker(path, "object")
    known = output_hints(member)
    if not is_map(given):
        filled = {name: fill(hint, join(path, name), None, (*within, member)) for name, hint in known.items()}
        return {name: value for name, value in filled.items() if value is not None}
    echoed = dict(given)
    for name, hint in known.items():
        if name in echoed or _is_scalar(hint):
            echoed[name] = fill(hint, join(path, name), echoed.get(name))
    return echoed


def _fill_list(member: Hint, path: str, given: Plain, within: tuple[Hint, ...]) -> Plain:
    item = get_args(member)[0]
    if is_list(given):
        return [fill(item, f"{path}[{index}]", each, within) for index, each in enumerate(given)]
    only = fill(item, f"{path}[0]", None, within)
    return [] if only is None else [only]


def _is_scalar(hint: Hint) -> bool:
    return any(member in _SCALARS for member in members(hint))


def custom_object_outputs(source: str, inputs: Mapping[str, Plain]) -> dict[str, Plain]:
    """Return the outputs of a Kubernetes custom resource, which has no SDK class: its inputs, the metadata filled."""
    namespace = resource_class("kubernetes:core/v1:Namespace")
    metadata = output_hints(namespace)["metadata"] if namespace else dict
    return {**inputs, "metadata": fill(metadata, join(source, "metadata"), inputs.get("metadata"))}
