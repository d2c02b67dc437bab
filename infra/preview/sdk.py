"""What the installed Pulumi SDKs say about a resource: its inputs, its outputs, the values they may take.

Knows nothing of previews: from a resource's token to the classes of its SDK, and from those to typed properties.
"""

import enum
import functools
import importlib
import inspect
import keyword
import types
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

import pulumi
from pulumi import _types as pulumi_types  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime import rpc

from infra.preview.closed_values import documented_keys, documented_values

Hint: TypeAlias = Any
"""A type annotation, as `typing.get_type_hints` returns it."""


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property of an input type, under its name on the wire."""

    hint: Hint
    required: bool
    values: tuple[str, ...]


@functools.cache
def resource_class(token: str) -> type | None:
    """Return the SDK's class of a resource (`aws:eks/cluster:Cluster`) or provider, None when no SDK knows it."""
    package, module, name = token.split(":")
    if (package, module) == ("pulumi", "providers"):
        return getattr(_package(name), "Provider", None)
    if _package(package) is None:
        return None
    entry = cast(Any, rpc.get_resource_module(package, module, ""))
    if entry is None or token not in entry.mod_info["classes"]:
        return None
    return getattr(importlib.import_module(entry.mod_info["fqn"]), entry.mod_info["classes"][token])


def args_class(resource: type) -> type | None:
    """Return the input type of a resource's constructor; it is `...InitArgs` where a nested type has the plain name."""
    module = inspect.getmodule(resource)
    named = (getattr(module, resource.__name__ + suffix, None) for suffix in ("InitArgs", "Args"))
    return next((found for found in named if found is not None), None)


@functools.cache
def result_class(token: str) -> type | None:
    """Return the result type of a function (`aws:index/getRegion:getRegion`), None when no SDK knows it."""
    package, module, name = token.split(":")
    folder = module.partition("/")[0]
    folder = folder + "_" if keyword.iskeyword(folder) else folder
    if _package(package) is None:
        return None
    try:
        home = importlib.import_module(f"{_python_name(package)}" + ("" if folder == "index" else f".{folder}"))
    except ModuleNotFoundError:
        return None
    return getattr(home, f"{name[:1].upper()}{name[1:]}Result", None)


@functools.cache
def input_properties(args: type) -> dict[str, Property]:
    """Return the properties of an input type by wire name; required is what its constructor has no default for."""
    wire_names = pulumi_types.input_type_py_to_pulumi_names(args)
    hints = pulumi_types.input_type_types(args)
    parameters = inspect.signature(args.__init__).parameters
    return {
        wire: Property(
            hint=hints.get(wire, Any),
            required=name in parameters and parameters[name].default is inspect.Parameter.empty,
            values=documented_values(inspect.getdoc(getattr(args, name)) or ""),
        )
        for name, wire in wire_names.items()
    }


@functools.cache
def output_hints(owner: type) -> dict[str, Hint]:
    """Return the annotations of a resource's or an output type's properties by wire name."""
    scope = vars(inspect.getmodule(owner))
    return {
        wire: get_type_hints(getter, scope, {"Output": pulumi.Output}).get("return", Any)
        for wire, getter in _getters(owner).items()
    }


@functools.cache
def output_keys(owner: type) -> dict[str, tuple[str, ...]]:
    """Return, by wire name, the keys of a resource's maps that its SDK's documentation names."""
    found = {wire: documented_keys(inspect.getdoc(getter) or "") for wire, getter in _getters(owner).items()}
    return {wire: keys for wire, keys in found.items() if keys}


def _getters(owner: type) -> dict[str, Any]:
    names = pulumi_types.resource_py_to_pulumi_names(owner)
    getters = {wire: getattr(getattr(owner, name, None), "fget", None) for name, wire in names.items()}
    return {wire: getter for wire, getter in getters.items() if getter is not None}


def members(hint: Hint) -> tuple[Hint, ...]:
    """Return the types that a value of `hint` may have: (str, NoneType) for `Input[Optional[str]]`."""
    if get_origin(hint) is pulumi.Output:
        return members(get_args(hint)[0])
    if get_origin(hint) not in (Union, types.UnionType):
        return (hint,)
    plain = [arg for arg in get_args(hint) if get_origin(arg) not in (Awaitable, pulumi.Output)]
    found = [member for arg in plain for member in members(arg)]
    if any(is_input_type(member) for member in found):  # InputType[T] also admits a bare map
        found = [member for member in found if get_origin(member) not in (dict, Mapping)]
    return tuple(dict.fromkeys(found))


def is_enum(hint: Hint) -> bool:
    """Tell whether `hint` is one of an SDK's enums."""
    return isinstance(hint, type) and issubclass(hint, enum.Enum)


def is_input_type(hint: Hint) -> bool:
    """Tell whether `hint` is one of an SDK's nested input types."""
    return isinstance(hint, type) and pulumi_types.is_input_type(hint)


def is_output_type(hint: Hint) -> bool:
    """Tell whether `hint` is one of an SDK's nested output types."""
    return isinstance(hint, type) and pulumi_types.is_output_type(hint)


@functools.cache
def _package(name: str) -> types.ModuleType | None:
    try:
        return importlib.import_module(_python_name(name))
    except ModuleNotFoundError:
        return None


def _python_name(package: str) -> str:
    return "pulumi_" + package.replace("-", "_")
