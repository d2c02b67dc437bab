"""Vulnerabilities that are known and borne with: in which package, why, and until when.

One file for both scanners, in the form that Trivy reads
(https://trivy.dev/docs/latest/configuration/filtering/#trivyignoreyaml).
"""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

ROOT = Path(__file__).parents[2]
FILE = ".trivyignore.yaml"
LONGEST = datetime.timedelta(days=90)


class Finding(BaseModel):
    """One vulnerability of named packages."""

    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(pattern=r"^(CVE|GHSA|PYSEC)-[\w-]+$")]
    purls: Annotated[list[str], Field(min_length=1)]
    statement: Annotated[str, Field(min_length=20)]
    expired_at: datetime.date


class Exceptions(BaseModel):
    """The file; secrets and misconfigurations have no exceptions."""

    model_config = ConfigDict(extra="forbid")
    vulnerabilities: list[Finding]


def exceptions(root: Path = ROOT) -> list[Finding]:
    """What the file says; raises ValidationError for an exception without package, reason or last day."""
    return Exceptions.model_validate(yaml.safe_load((root / FILE).read_text(encoding="utf-8"))).vulnerabilities


def flaws(found: list[Finding], today: datetime.date) -> Iterator[str]:
    """A line for each that is over, or that is borne with for longer than `LONGEST` from today."""
    for each in found:
        if each.expired_at < today:
            yield f"{each.id} was borne with until {each.expired_at}: raise the package, or give a new reason and day"
        if each.expired_at > today + LONGEST:
            yield f"{each.id} is borne with until {each.expired_at}: {LONGEST.days} days are the most"
