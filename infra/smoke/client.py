"""What every kind of endpoint is asked through."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from infra.smoke.deadline import Deadline
from infra.smoke.golden import Golden
from infra.smoke.tensors import Array

Say: TypeAlias = Callable[[str], None]
"""Tells the user of progress, a line at a time."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Outputs by name, the version that gave them where the endpoint says it, and the call's seconds."""

    outputs: Mapping[str, Array]
    version: str | None
    seconds: float


class Client(Protocol):
    """Asks one endpoint."""

    def ask(self, golden: Golden, deadline: Deadline) -> Answer:
        """Send the golden input and read the answer.

        Raises `Failure` when none comes, and `ColdStart` when the endpoint asks to be asked again.
        """
        ...
