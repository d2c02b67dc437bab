"""Violations that are meant, with their reasons."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("exemptions.yaml")


@dataclass(frozen=True)
class Exemption:
    """One resource, by its logical name, that one rule lets pass."""

    rule: str
    resource: str
    reason: str


def load(file: Path = FILE) -> list[Exemption]:
    """Read the exemptions; raises TypeError where an entry lacks a key or has another."""
    return [Exemption(**entry) for entry in yaml.safe_load(file.read_text(encoding="utf-8"))]


def reason(exemptions: Iterable[Exemption], rule: str, resource: str) -> str | None:
    """Return why `rule` lets the resource of that name pass; None where it does not."""
    return next((each.reason for each in exemptions if (each.rule, each.resource) == (rule, resource)), None)
