"""Settings that a runtime has no counterpart of."""

from collections.abc import Iterator
from typing import TypeAlias

Unfit: TypeAlias = Iterator[tuple[str, object, str]]
"""Keys whose value must be empty, each with what it is and why."""


def must_be_absent(where: str, unfit: Unfit) -> str | None:
    """What is wrong with the first of them that has a value, and what to do; None where none has."""
    for key, value, reason in unfit:
        if value:
            shown = str(value).lower() if value is True else value
            return f"{key} must be absent {where}, got {shown}: {reason}; remove it"
    return None
