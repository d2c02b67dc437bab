"""The rules for traces that span blocks; each returns what is wrong, or None."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.settings.stack import StackSettings


def traces_go_to_one_collector(stack: StackSettings) -> str | None:
    """The stack's own or another one, and some where the server is to trace."""
    if not (stack.serving and stack.serving.tracing):
        return None
    endpoint = stack.serving.tracing.endpoint
    has_own = stack.monitoring is not None and stack.monitoring.tracing is not None
    if endpoint and has_own:
        return (
            f"serving.tracing.endpoint must be absent where monitoring.tracing is given, got {endpoint}: traces go to "
            "one collector; remove it, or monitoring.tracing"
        )
    if not endpoint and not has_own:
        return (
            "serving.tracing.endpoint must be given where monitoring.tracing is absent: nobody would take the traces; "
            "add it, or monitoring.tracing"
        )
    return None


RULES: tuple[Callable[[StackSettings], str | None], ...] = (traces_go_to_one_collector,)
