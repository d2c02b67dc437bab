"""What a dashboard shows, apart from who draws it: Grafana, the pictures in docs/, or nobody in a test."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

RATE, RANGE = "$__rate_interval", "$__range"
"""Grafana fills them in: four scrapes or more, and the time shown.

https://grafana.com/docs/grafana/latest/visualizations/dashboards/variables/add-template-variables/#global-variables
"""
PERCENTILES = (50, 95, 99)
POD, MODEL = "$pod", "$model"
"""What the user of a dashboard chose; everything at first."""
WIDTH = 24
"""Columns of Grafana's grid."""


class Unit(StrEnum):
    """Grafana's names of units (packages/grafana-data/src/valueFormats/categories.ts in github.com/grafana/grafana)."""

    COUNT = "short"
    SHARE = "percentunit"
    PERCENT = "percent"
    REQUESTS = "reqps"
    CALLS = "ops"
    COUNTS = "cps"
    SECONDS = "s"
    BYTES = "bytes"
    MEBIBYTES = "mbytes"
    WATTS = "watt"
    CELSIUS = "celsius"
    DOLLARS = "currencyUSD"


class Kind(StrEnum):
    """Grafana's names of the panels that are used."""

    GRAPH = "timeseries"
    NUMBER = "stat"
    HEATMAP = "heatmap"
    TABLE = "table"


class Colour(StrEnum):
    """What a value is painted in."""

    GREEN = "green"
    ORANGE = "orange"
    RED = "red"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel.

    `queries` are PromQL by legend, a number's and a table's asked for the end of the time shown only; a heatmap's
    gives buckets by `le`, a table has one, whose legend is the head of its values. From each of `limits` on a value has
    that colour, below all of them it has `base`. `alert` names the alert on the same quantity.
    """

    title: str
    description: str
    unit: Unit
    queries: Mapping[str, str]
    kind: Kind = Kind.GRAPH
    width: int = 12
    limits: Mapping[float, Colour] = field(default_factory=dict[float, Colour])
    base: Colour = Colour.GREEN
    most: float | None = None
    """Where the axis ends; None leaves that to the values."""
    decimals: int | None = None
    stacked: bool = False
    exemplars: bool = False
    alert: str | None = None

    @property
    def height(self) -> int:
        """Rows of Grafana's grid, each 30 pixels."""
        return 4 if self.kind is Kind.NUMBER else 8


@dataclass(frozen=True)
class Row:
    """Panels under one heading, as many lines of them as their widths take."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard; `events` are PromQL by name, and mark the times at which they find something."""

    name: str
    title: str
    description: str
    rows: Sequence[Row]
    events: Mapping[str, str]

    @property
    def panels(self) -> Iterator[Panel]:
        """Every panel, in reading order."""
        for row in self.rows:
            yield from row.panels

    @property
    def queries(self) -> Iterator[tuple[str, str, str]]:
        """Every query with the title of its panel, or of what it marks, and its legend."""
        for panel in self.panels:
            yield from ((panel.title, legend, expr) for legend, expr in panel.queries.items())
        yield from ((name, "", expr) for name, expr in self.events.items())


def filled_in(query: str, *, rate_seconds: int, range_seconds: int) -> str:
    """A panel's query as Grafana sends it for a time shown, of all pods and models."""
    values = {RATE: f"{rate_seconds}s", RANGE: f"{range_seconds}s", POD: ".*", MODEL: ".*"}
    return re.sub(r"\$\w+", lambda found: values.get(found[0], found[0]), query)
