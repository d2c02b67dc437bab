"""What a user reads when a setting is wrong: key, rule, value, and what to do."""

import difflib
import json
from typing import Any, cast

from pydantic import BaseModel
from pydantic_core import ErrorDetails

# By pydantic's error type (https://docs.pydantic.dev/latest/errors/validation_errors/).
_RULES = {
    "missing": "is required",
    "greater_than_equal": "must be at least {ge}, got {got}",
    "greater_than": "must be more than {gt}, got {got}",
    "less_than_equal": "must be at most {le}, got {got}",
    "less_than": "must be less than {lt}, got {got}",
    "enum": "must be one of {expected}, got {got}",
    "string_pattern_mismatch": "must match {pattern}, got {got}",
    "too_short": "must have at least {min_length} items, got {actual_length}",
    "too_long": "must have at most {max_length} items, got {actual_length}",
    "string_type": "must be text (put it in quotes), got {got}",
    "int_type": "must be a whole number, got {got}",
    "int_from_float": "must be a whole number, got {got}",
    "float_type": "must be a number, got {got}",
    "bool_type": "must be true or false, got {got}",
    "model_type": "must be a block of settings, got {got}",
    "dict_type": "must be a block of settings, got {got}",
    "tuple_type": "must be a list, got {got}",
    # Our own: the value may be a secret in the wrong place.
    "unshown": "{message}",
}


def line(error: ErrorDetails, model: type[BaseModel]) -> str:
    """One line for one mistake in a document that `model` describes: dotted key, rule, value."""
    # pydantic marks a wrong key of a map by a part of its own.
    key = ".".join(str(part) for part in error["loc"] if part != "[key]")
    if error["type"] == "extra_forbidden":
        return f"{key} is not a setting; {_known(error, model)}"
    if error["type"] == "value_error":
        return _own_rule(key, error)
    rule = _RULES.get(error["type"], "must be valid ({message}), got {got}")
    context = {name: _bare(value) for name, value in error.get("ctx", {}).items()}
    told = rule.format(**context, message=error["msg"], got=_shown(error["input"]))
    return f"{key} {told}"


def _own_rule(key: str, error: ErrorDetails) -> str:
    """A rule that our models raise: a field's begins with "must", a block's with the name of what it is about."""
    rule = str(error["ctx"]["error"]) if "ctx" in error else error["msg"]
    is_block = isinstance(error["input"], dict)
    if is_block and not rule.startswith("must"):
        return f"{key}.{rule}" if key else rule
    # Python's own rules, of addresses for one, say what is wrong and not what must be.
    rule = rule if rule.startswith("must") else f"must be valid ({rule})"
    return f"{key} {rule}, got {_shown(error['input'])}"


def _bare(value: object) -> object:
    """A part of pydantic's rule without quotes around names or zeros behind whole numbers."""
    if isinstance(value, str):
        return value.replace("'", "")
    return f"{value:g}" if isinstance(value, float) else value


def _shown(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, default=str)


def _known(error: ErrorDetails, model: type[BaseModel]) -> str:
    *parents, wrong = error["loc"]
    block: Any = model
    for part in parents:
        block = _child(block, str(part))
    known = sorted(str(field.alias) for field in block.model_fields.values())
    close = difflib.get_close_matches(str(wrong), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"


def _child(block: Any, alias: str) -> Any:
    for field in block.model_fields.values():
        if field.alias == alias:
            return model_in(field.annotation)
    return block  # a name the user chose, as in `gpuPools.<name>`


def model_in(annotation: object) -> type[BaseModel] | None:
    """The settings model inside `Model`, `Model | None` or `dict[str, Model]`; None where there is none."""
    if isinstance(annotation, type) and issubclass(cast("type[object]", annotation), BaseModel):
        return annotation
    arguments = cast("tuple[object, ...]", getattr(annotation, "__args__", ()))
    return next((found for found in map(model_in, arguments) if found), None)
