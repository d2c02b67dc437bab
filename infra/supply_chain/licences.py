"""Under which licences the image's packages are, and which of them are allowed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from license_expression import (  # pyright: ignore[reportMissingTypeStubs]
    ExpressionError,
    LicenseSymbol,
    Licensing,
)
from pydantic import BaseModel, ConfigDict

POLICY = Path(__file__).with_name("licences.yaml")
SPDX: Any = Licensing()  # typed in part


class Allowance(BaseModel):
    """A package that may stay although its licence is not allowed, while it declares this one."""

    model_config = ConfigDict(extra="forbid")
    declares: str | None
    reason: str


class Policy(BaseModel):
    """Identifiers that are allowed, readings of other names, and exceptions by the package's name or pattern."""

    model_config = ConfigDict(extra="forbid")
    allowed: frozenset[str]
    readings: Mapping[str, str]
    exceptions: Mapping[str, Allowance]


@dataclass(frozen=True, kw_only=True)
class Licensed:
    """A package and the SPDX expression of all that it declares; None where it declares nothing."""

    name: str
    version: str
    licence: str | None


@cache
def policy(path: Path = POLICY) -> Policy:
    """The written one."""
    return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def licensed(component: Mapping[str, Any], rules: Policy) -> Licensed:
    """What a component of a CycloneDX document declares, each licence once; every one of them binds."""
    names = (each.get("expression") or _name(each["license"]) for each in component.get("licenses", ()))
    distinct = [*dict.fromkeys(rules.readings.get(name, name) for name in names)]
    several = [f"({name})" if " OR " in name else name for name in distinct] if len(distinct) > 1 else distinct
    return Licensed(name=component["name"], version=component["version"], licence=" AND ".join(several) or None)


def refused(packages: Iterable[Licensed], rules: Policy) -> list[str]:
    """A line for each package that may not be in the image."""
    return [
        f"{each.name} {each.version} declares {each.licence or 'no licence'}, which is not allowed: take another "
        f"package, or write the reason why it may stay into {POLICY.name}"
        for each in packages
        if not (is_allowed(each.licence, rules.allowed) or exception(each, rules))
    ]


def exception(package: Licensed, rules: Policy) -> Allowance | None:
    """The exception of this package as it is now."""
    found = (allowance for pattern, allowance in rules.exceptions.items() if fnmatch(package.name, pattern))
    return next((each for each in found if each.declares == package.licence), None)


def is_allowed(licence: str | None, allowed: frozenset[str]) -> bool:
    """Whether all that binds is allowed, where there is a choice one of it; what is no SPDX expression is not."""
    try:
        return licence is not None and _holds(SPDX.parse(licence), allowed)
    except ExpressionError:
        return False


def page(packages: Iterable[Licensed], rules: Policy) -> str:
    """The packages as a table in Markdown."""
    head = ["| package | version | licence | why it may stay |", "|---|---|---|---|"]
    return "\n".join([*head, *(_row(each, exception(each, rules)) for each in packages), ""])


def _row(package: Licensed, allowance: Allowance | None) -> str:
    reason = allowance.reason if allowance else ""
    return f"| {package.name} | {package.version} | {package.licence or 'none declared'} | {reason} |"


def _name(licence: Mapping[str, Any]) -> str:
    return licence.get("id") or licence["name"]


def _holds(node: Any, allowed: frozenset[str]) -> bool:
    if isinstance(node, LicenseSymbol):
        return node.key in allowed
    parts = [_holds(each, allowed) for each in node.args]
    return any(parts) if isinstance(node, SPDX.OR) else all(parts)
