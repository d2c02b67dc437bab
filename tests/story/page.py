"""What docs/quick-start.md tells a reader to do, in its order."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "quick-start.md"

_BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MEASURED = re.compile(r"[0-9a-f]{12,}|[0-9]+[.][0-9]+(e[-+][0-9]+)?")
"""Digests and decimals: times, sizes and shares are others each time; what is counted is not."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A line to type, and the lines that it is said to print, among others."""

    line: str
    shown: Sequence[str] = ()

    def unseen(self, printed: str) -> list[str]:
        """Those of the shown lines that were not printed; digests and decimals may be others."""
        lines = {_shape(line) for line in printed.splitlines()}
        return [line for line in self.shown if _shape(line) not in lines]


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A file to write, or a part of it, as `serving.rollout`, to put into it."""

    file: str
    part: str
    content: dict[str, Any]

    def applied(self, before: dict[str, Any]) -> dict[str, Any]:
        """The file's new content."""
        if not self.part:
            return self.content
        block, *path = self.part.split(".")
        place = before["config"][f"inference-platform:{block}"]
        for key in path:
            place = place[key]
        place |= self.content
        return before


def steps(page: str) -> Iterator[Command | Edit]:
    """The commands and edits of a page."""
    for kind, text in _BLOCK.findall(page):
        if kind == "console":
            yield from _commands(text)
        else:
            yield _edit(text)


def _commands(text: str) -> Iterator[Command]:
    line, *more = text.removeprefix("$ ").split("\n$ ")
    for typed in (line, *more):
        first, *shown = typed.rstrip("\n").split("\n")
        yield Command(line=first, shown=[each for each in shown if each != "..."])


def _edit(text: str) -> Edit:
    about, _, content = text.partition("\n")
    file, _, part = about.removeprefix("# ").partition(", ")
    return Edit(file=file, part=part, content=yaml.safe_load(content))


def _shape(line: str) -> str:
    return " ".join(_MEASURED.sub("#", line).split())
