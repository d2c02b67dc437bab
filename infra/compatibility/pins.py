"""The pins of `infra/versions.yaml`: until when each is maintained, and which Kubernetes each chart is for."""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from infra.compatibility.table import Fact, Span
from infra.versions import pinned


class EndOfLife(Fact):
    """The last day with fixes; `none` says why there is no `date`."""

    date: datetime.date | None = None
    none: str = ""

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.date is None) == (self.none == ""):
            raise ValueError("must have exactly one of date and none")
        return self


class ChartKubernetes(Fact, Span):
    """The Kubernetes versions that a chart's project names."""


class _Pinned(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str


class _Kubernetes(_Pinned):
    ends_of_life: Mapping[str, EndOfLife]


class _Chart(_Pinned):
    version: str
    repository: str
    kubernetes: ChartKubernetes
    end_of_life: EndOfLife


class _Image(_Pinned):
    name: str
    tag: str
    digest: str
    end_of_life: EndOfLife


class _Base(_Pinned):
    version: str
    end_of_life: EndOfLife


class _Versions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kubernetes: Mapping[str, _Kubernetes]
    charts: Mapping[str, _Chart]
    images: Mapping[str, _Image]
    bases: Mapping[str, _Base]


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One pinned version and its end."""

    name: str
    version: str
    end_of_life: EndOfLife


@cache
def _versions() -> _Versions:
    return _Versions.model_validate(pinned())


def pins() -> Iterator[Pin]:
    """Every pin, in the file's order; Kubernetes once for each cloud, whose support differs."""
    found = _versions()
    for version, kubernetes in found.kubernetes.items():
        for cloud, end in kubernetes.ends_of_life.items():
            yield Pin(name=f"Kubernetes on {cloud}", version=version, end_of_life=end)
    for name, chart in found.charts.items():
        yield Pin(name=f"chart {name}", version=chart.version, end_of_life=chart.end_of_life)
    for name, image in found.images.items():
        yield Pin(name=f"image {name}", version=image.tag, end_of_life=image.end_of_life)
    for name, base in found.bases.items():
        yield Pin(name=name, version=base.version, end_of_life=base.end_of_life)


def chart_kubernetes() -> dict[tuple[str, str], ChartKubernetes]:
    """The Kubernetes versions that each chart is for, by the chart's name and version."""
    return {(name, chart.version): chart.kubernetes for name, chart in _versions().charts.items()}


SHOWN = 3


def outside(kubernetes: str) -> str | None:
    """The charts that are not for this version of Kubernetes, each with what it is for; None where there are none."""
    found = [
        f"{name} {version} ({span})"
        for (name, version), span in chart_kubernetes().items()
        if not span.holds(kubernetes)
    ]
    if not found:
        return None
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{kubernetes} is outside what these charts are for: {', '.join(found[:SHOWN])}{more}"
