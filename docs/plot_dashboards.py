"""`python -m docs.plot_dashboards --prometheus URL`: draw a service's dashboards from what a running Prometheus holds.

The panels, their queries and their places are those that Grafana is given.
"""

# matplotlib's own types have gaps.
# pyright: reportUnknownMemberType=false

import argparse
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from grafana_foundation_sdk.models.dashboard import GridPos, RowPanel
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from docs.panels import TEXT, Series, Shown, draw
from infra.monitoring.dashboards import Board, Subject, boards
from infra.monitoring.dashboards.grafana import built
from infra.monitoring.dashboards.panel import WIDTH, Kind, Panel, filled_in
from infra.monitoring.queries import pods_of
from infra.settings.monitoring import MonitoringSettings

IMAGES = Path(__file__).parent / "images"
POINTS = 240
MOST_EXEMPLARS = 80
INCHES, DOTS = 10.0, 130
"""Width of a picture, and dots per inch."""
HEAD, LINE, GAP = 0.42, 0.27, 0.035
"""Inches: height of the title, height of a line of Grafana's grid, and room around a panel."""


@dataclass(frozen=True)
class Margins:
    """Inches between a panel's frame and what it shows."""

    left: float = 0.1
    right: float = 0.1
    top: float = 0.32
    bottom: float = 0.1


MARGINS = {
    Kind.GRAPH: Margins(0.56, 0.14, 0.32, 0.5),
    Kind.HEATMAP: Margins(0.56, 0.14, 0.32, 0.24),
    Kind.NUMBER: Margins(top=0.25),
    Kind.TABLE: Margins(),
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A Prometheus, asked about the `seconds` before `end`; rates are over `rate_seconds`."""

    url: str
    end: float
    seconds: int
    rate_seconds: int

    def shown(self, panel: Panel, board: Board) -> Shown:
        """What the panel shows, with the board's events."""
        series = [each for legend, expr in panel.queries.items() for each in self._series(panel.kind, legend, expr)]
        return Shown(
            panel=panel,
            seconds=self.seconds,
            series=series,
            events=[at for expr in board.events.values() for at in self._began(expr)],
            exemplars=self._exemplars(panel) if panel.exemplars and panel.kind is Kind.GRAPH else [],
        )

    def _series(self, kind: Kind, legend: str, expr: str) -> list[Series]:
        latest = kind in (Kind.NUMBER, Kind.TABLE)
        found = self._ask("query", query=expr, time=self.end) if latest else self._range(expr)
        return [
            Series(_named(legend, each["metric"]), each["metric"], *_points(each, self.end - self.seconds))
            for each in found["result"]
        ]

    def _began(self, expr: str) -> list[float]:
        """When each run of points began."""
        step = self.seconds / POINTS
        times = sorted({at for each in self._range(expr)["result"] for at in _points(each, self.end - self.seconds)[0]})
        return [at for before, at in zip([float("-inf"), *times], times, strict=False) if at - before > 1.5 * step]

    def _range(self, expr: str) -> Any:
        return self._ask("query_range", query=expr, **self._window(), step=self.seconds / POINTS)

    def _window(self) -> dict[str, float]:
        return {"start": self.end - self.seconds, "end": self.end}

    def _exemplars(self, panel: Panel) -> list[tuple[float, float]]:
        found = self._ask("query_exemplars", query=next(iter(panel.queries.values())), **self._window())
        points = sorted(
            (each["timestamp"] - self.end + self.seconds, float(each["value"]))
            for series in found
            for each in series["exemplars"]
        )
        return points[:: 1 + len(points) // MOST_EXEMPLARS]

    def _ask(self, what: str, *, query: str, **parameters: float) -> Any:
        asked = filled_in(query, rate_seconds=self.rate_seconds, range_seconds=self.seconds)
        answer = httpx.post(f"{self.url}/api/v1/{what}", data={"query": asked, **parameters}, timeout=30)
        return answer.raise_for_status().json()["data"]


def picture(board: Board, subject: Subject, source: Source, folder: Path) -> Path:
    """Draw a dashboard into `folder`, and give the file."""
    placed = built(board, subject).panels or []
    cells = [each.grid_pos for each in placed if each.grid_pos]
    page = Page(f"{subject.name} / {board.title}", max(cell.y + cell.h for cell in cells))
    panels = iter(board.panels)
    for each, cell in zip(placed, cells, strict=True):
        if isinstance(each, RowPanel):
            page.row(each.title or "", cell)
        else:
            panel = next(panels)
            draw(page.axes(panel, cell), source.shown(panel, board))
    return page.save(folder / f"dashboard-{board.name}.png")


class Page:
    """A figure of so many lines of Grafana's grid."""

    def __init__(self, title: str, lines: int) -> None:
        self._height = lines * LINE + HEAD
        self._figure = pyplot.figure(figsize=(INCHES, self._height), facecolor="#111217")
        self._text(0.1, HEAD / 2, title, TEXT, 11)

    def row(self, title: str, cell: GridPos) -> None:
        """A heading."""
        self._text(0.1, HEAD + (cell.y + 0.55) * LINE, title, TEXT, 8.5)

    def axes(self, panel: Panel, cell: GridPos) -> Axes:
        """A frame with the panel's title, and what is left in it for the panel itself."""
        column = INCHES / WIDTH
        left, top = cell.x * column + GAP, HEAD + cell.y * LINE + GAP
        width, height = cell.w * column - 2 * GAP, cell.h * LINE - 2 * GAP
        frame = FancyBboxPatch(
            self._at(left, top + height),
            width / INCHES,
            height / self._height,
            boxstyle="round,pad=0,rounding_size=0.002",
            facecolor="#181b1f",
            edgecolor="#23262b",
            linewidth=0.8,
            zorder=-1,
        )
        self._figure.add_artist(frame)
        self._text(left + 0.1, top + 0.15, panel.title, TEXT, 7.5)
        margins = MARGINS[panel.kind]
        x, y = self._at(left + margins.left, top + height - margins.bottom)
        size = (width - margins.left - margins.right) / INCHES, (height - margins.top - margins.bottom) / self._height
        return self._figure.add_axes((x, y, *size))

    def save(self, file: Path) -> Path:
        """Write it, without a date, so that the same picture is the same file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._figure.savefig(str(file), dpi=DOTS)
        pyplot.close(self._figure)
        return file

    def _at(self, left: float, top: float) -> tuple[float, float]:
        """Inches from the upper left corner, as matplotlib counts them."""
        return left / INCHES, 1 - top / self._height

    def _text(self, left: float, top: float, text: str, colour: str, size: float) -> None:
        self._figure.text(*self._at(left, top), text, color=colour, fontsize=size, va="center")


def _named(legend: str, labels: Mapping[str, str]) -> str:
    """A legend with the labels' values in it."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend).strip()


def _points(found: Mapping[str, Any], start: float) -> tuple[list[float], list[float]]:
    """Times since `start`, and values; of the instant's one each."""
    points = found.get("values") or [found["value"]]
    return [float(at) - start for at, _ in points], [float(value) for _, value in points]


def main() -> None:
    """Draw every dashboard that there is data for."""
    parser = argparse.ArgumentParser(prog="python -m docs.plot_dashboards", description=__doc__)
    parser.add_argument("--prometheus", required=True, metavar="URL")
    parser.add_argument("--namespace", default="serving")
    parser.add_argument("--folder", type=Path, default=IMAGES)
    parser.add_argument("--minutes", type=int, default=60, help="how much of the time up to now")
    parser.add_argument("--by-track", action="store_true")
    given = parser.parse_args()
    subject = Subject(
        name=given.namespace,
        selector=pods_of(given.namespace),
        settings=MonitoringSettings(),
        by_track=given.by_track,
    )
    source = Source(url=given.prometheus, end=time.time(), seconds=60 * given.minutes, rate_seconds=60)
    for board in boards(subject):
        picture(board, subject, source, given.folder)


if __name__ == "__main__":
    main()
