"""Kubernetes' own names of an object's fields."""

import re
from typing import Any, cast

_FIELD = re.compile(r"[a-z]+(_[a-z0-9]+)+")
"""A field's name in Python; labels, resources and variables, which are keys too, do not look like one."""


def camel_case(value: object) -> Any:
    """Names as Kubernetes has them: the SDK translates those of its own types, and a custom resource is none."""
    if isinstance(value, dict):
        return {_named(key): camel_case(item) for key, item in cast("dict[str, object]", value).items()}
    return [camel_case(item) for item in cast("list[object]", value)] if isinstance(value, list) else value


def _named(key: str) -> str:
    if not _FIELD.fullmatch(key):
        return key
    first, *others = key.split("_")
    return first + "".join(map(str.capitalize, others))
