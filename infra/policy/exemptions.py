"""Violations that are meant, with their reasons."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("exemptions.yaml")


@dataclass(frozen=True)
class Exemption:
    """Resources, by a pattern of their logical names, that one rule lets pass."""

    rule: str
    resource: str
    reason: str


def load(file: Path = FILE) -> list[Exemption]:
    """Read the exemptions; raises TypeError where an entry lacks a key or has another."""
    return [Exemption(**entry) for entry in yaml.safe_load(file.read_text(encoding="utf-8"))]


def reason(exemptions: Iterable[Exemption], rule: str, resource: str) -> str | None:
    """Return why `rule` lets the resource of that name pass; None where it does not."""
    return next(
        (each.reason for each in exemptions if each.rule == rule and fnmatchcase(resource, each.resource)), None
    )
