"""Members of a parsed JSON document, of the type that they must have."""

import reprlib
from typing import Any

from inference_app.errors import BadRequest


def an_object(value: Any, what: str) -> dict[str, Any]:
    """The value, if it is a JSON object; raises `BadRequest` that names `what` it is."""
    if value.__class__ is not dict:
        raise BadRequest(f"{what} must be an object, got {reprlib.repr(value)}")
    return value


def a_list(value: Any, what: str) -> list[Any]:
    """The value, if it is a JSON array; raises `BadRequest` that names `what` it is."""
    if value.__class__ is not list:
        raise BadRequest(f"{what} must be a list, got {reprlib.repr(value)}")
    return value


def parameters(document: dict[str, Any]) -> dict[str, Any]:
    """The object's parameters, none where it has none."""
    found = document.get("parameters")
    return {} if found is None else an_object(found, "parameters")


def flag(found: dict[str, Any], name: str, *, default: bool) -> bool:
    """The parameter of that name, if it is a boolean; raises `BadRequest` otherwise."""
    value = found.get(name, default)
    if type(value) is not bool:
        raise BadRequest(f"parameter {name} must be true or false, got {reprlib.repr(value)}")
    return value


def count(found: dict[str, Any], name: str) -> int | None:
    """The parameter of that name, if it is a whole number from 0 on; raises `BadRequest` otherwise."""
    value = found.get(name)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise BadRequest(f"parameter {name} must be a whole number from 0 on, got {reprlib.repr(value)}")
    return value
