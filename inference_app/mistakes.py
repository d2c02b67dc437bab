"""What is said of a wrong variable: its name, the rule, and the value where it is no secret."""

from pydantic_core import ErrorDetails

UNSHOWN = "unshown"
"""Type of a mistake whose line leaves the value out, since it is a secret."""

_RULES = {
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "string_pattern_mismatch": "must match {pattern}",
}


def line(detail: ErrorDetails) -> str:
    """One mistake in one line; a rule that spans variables speaks for itself."""
    if not detail["loc"]:
        return detail["msg"].removeprefix("Value error, ")
    variable = str(detail["loc"][0]).upper()
    if detail["type"] == UNSHOWN:
        return f"{variable} {detail['msg']}"
    rule = _RULES.get(detail["type"], detail["msg"]).format(**detail.get("ctx", {}))
    return f"{variable} {rule}, got {detail['input']}"
