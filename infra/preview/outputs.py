"""What a resource gives back: its inputs, and a typed marker for each value that only `up` would know."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from infra.preview.markers import join, marker
from infra.preview.sdk import (
    Hint,
    args_class,
    input_properties,
    is_enum,
    is_output_type,
    members,
    output_hints,
    output_keys,
    resource_class,
)
from infra.preview.wire import UNKNOWN, Plain, Secret, is_list, is_map

_SCALARS: dict[Hint, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def resource_outputs(owner: type, source: str, inputs: Mapping[str, Plain]) -> dict[str, Plain]:
    """Return the outputs of a resource of the SDK class `owner`, called `source` in markers.

    An input echoes. An optional input that the program left out stays out, but for the resource's own name and maps
    whose keys the SDK states, which providers fill; every other missing output is a marker.
    """
    args = args_class(owner)
    accepted = input_properties(args) if args else {}
    made = {own_name(owner): None, **{name: dict.fromkeys(keys) for name, keys in output_keys(owner).items()}}
    outputs = dict(inputs)
    for name, hint in output_hints(owner).items():
        optional = name in accepted and type(None) in members(hint)
        if name in inputs or name in made or not optional:
            outputs[name] = fill(hint, join(source, name), inputs.get(name, made.get(name)))
    return {name: value for name, value in outputs.items() if value is not None}


def echo(owner: type | None, inputs: Mapping[str, Plain]) -> dict[str, Plain]:
    """Return the outputs of a first preview: the inputs, `UNKNOWN` where the SDK could not read one as the output.

    Some providers take a list where they give back a map, as Azure's of the identities assigned to a resource.
    """
    hints = output_hints(owner) if owner else {}
    return {name: value if _fits(hints.get(name, Any), value) else UNKNOWN for name, value in inputs.items()}


def _fits(hint: Hint, value: Plain) -> bool:
    if isinstance(value, Secret):
        return _fits(hint, value.value)
    member = _meant(hint)
    if is_output_type(member):
        known = output_hints(member)
        return is_map(value) and all(_fits(known.get(key, Any), item) for key, item in value.items())
    if get_origin(member) in (Sequence, list):
        return is_list(value) and all(_fits(get_args(member)[0], item) for item in value)
    if get_origin(member) in (Mapping, dict):
        return is_map(value) and all(_fits(get_args(member)[1], item) for item in value.values())
    return member not in _SCALARS or not (is_list(value) or is_map(value))


def own_name(owner: type) -> str:
    """Return what a resource of the SDK class `owner` would call its name: `endpointName` for `Endpoint`."""
    return f"{owner.__name__[:1].lower()}{owner.__name__[1:]}Name"


def result_outputs(owner: type, source: str, arguments: Mapping[str, Plain]) -> dict[str, Plain]:
    """Return the result of a function whose result type is `owner`; arguments that are also results echo."""
    filled = {name: fill(hint, join(source, name), arguments.get(name)) for name, hint in output_hints(owner).items()}
    return {name: value for name, value in filled.items() if value is not None}


def fill(hint: Hint, path: str, given: Plain, within: tuple[Hint, ...] = ()) -> Plain:
    """Return `given` shaped as `hint`, with markers for what it lacks; None where no marker fits the type."""
    if isinstance(given, Secret):
        return Secret(fill(hint, path, given.value, within))
    member = _meant(hint)
    if get_origin(member) is Literal:
        return get_args(member)[0]
    if is_output_type(member):
        return _fill_object(member, path, given, within)
    if is_enum(member):
        return _enum_value([item.value for item in member], given)
    if get_origin(member) in (Sequence, list):
        return _fill_list(member, path, given, within)
    if get_origin(member) in (Mapping, dict):
        return _fill_map(member, path, given, within)
    return marker(path, _SCALARS.get(member, "any")) if given is None else _scalar(member, path, given)


def _meant(hint: Hint) -> Hint:
    return next((member for member in members(hint) if member is not type(None)), hint)


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


def _fill_map(member: Hint, path: str, given: Plain, within: tuple[Hint, ...]) -> Plain:
    if not is_map(given):
        return marker(path, "map")
    item = get_args(member)[1] if get_args(member) else Any
    return {key: fill(item, join(path, key), each, within) for key, each in given.items()}


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
