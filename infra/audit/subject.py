"""Whose leftovers are meant."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One stack of one project."""

    project: str
    stack: str

    @property
    def name(self) -> str:
        """What its clusters, repository and resource group are called."""
        return f"{self.project}-{self.stack}"

    def marks(self, tags: Mapping[str, str]) -> bool:
        """Whether these are tags of this stack, and not of one whose name begins alike."""
        return (tags.get("project"), tags.get("stack")) == (self.project, self.stack)
