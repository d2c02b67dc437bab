"""Panels of a dashboard as matplotlib draws them: a graph, a number, a heatmap or a table, in Grafana's manner."""

# matplotlib's own types have gaps.
# pyright: reportUnknownMemberType=false

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from infra.monitoring.dashboards.panel import Colour, Kind, Panel, Unit

TEXT, MUTED, GRID = "#d8d9da", "#8e9297", "#2c3036"
SERIES = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#37872d", "#8ab8ff", "#fade2a", "#c0d8ff")
PAINT = {Colour.GREEN: "#73bf69", Colour.ORANGE: "#ff9830", Colour.RED: "#f2495c"}
SMALL, LARGE = 6.5, 20


@dataclass(frozen=True)
class Series:
    """One series: what the legend says, its labels, and its values by the seconds since the time shown began."""

    legend: str
    labels: Mapping[str, str]
    times: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a panel shows over `seconds`; `events` and `exemplars` are times, the latter with values."""

    panel: Panel
    seconds: float
    series: Sequence[Series]
    events: Sequence[float] = ()
    exemplars: Sequence[tuple[float, float]] = field(default_factory=list[tuple[float, float]])


def draw(axes: Axes, shown: Shown) -> None:
    """The panel, or a word where there is nothing to show."""
    if not any(math.isfinite(value) for each in shown.series for value in each.values):
        _say(axes, "No data", MUTED, 11)
        return
    _KINDS[shown.panel.kind](axes, shown)


def told(value: float, unit: Unit, decimals: int | None = None) -> str:
    """A value with its unit, scaled as Grafana does."""
    if unit is Unit.SHARE:
        return f"{_rounded(100 * value, decimals)}%"
    if unit is Unit.SECONDS:
        return _scaled(value, ((1, " s"), (1e-3, " ms"), (1e-6, " µs")))
    if unit is Unit.DOLLARS:
        return f"${_rounded(value, 4 if 0 < value < 0.1 else 2)}"
    suffix = {Unit.REQUESTS: " req/s", Unit.CALLS: " ops/s", Unit.COUNTS: " c/s"}.get(unit, "")
    return f"{_rounded(value, decimals)}{suffix}"


def _scaled(value: float, scales: Sequence[tuple[float, str]]) -> str:
    for size, suffix in scales:
        if abs(value) >= size:
            return f"{_rounded(value / size)}{suffix}"
    return f"0{scales[0][1]}"


def _rounded(value: float, decimals: int | None = None) -> str:
    return f"{value:.{decimals}f}" if decimals is not None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _say(axes: Axes, text: str, colour: str, size: float) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, color=colour, fontsize=size, ha="center", va="center", transform=axes.transAxes)


def _graph(axes: Axes, shown: Shown) -> None:
    panel = shown.panel
    _frame(axes, shown)
    axes.yaxis.set_major_formatter(_in(panel.unit))
    whole = all(value.is_integer() for each in shown.series for value in each.values if math.isfinite(value))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=whole and panel.unit is Unit.COUNT))
    axes.grid(color=GRID, linewidth=0.6)
    if panel.stacked:
        _stack(axes, shown.series)
    else:
        for colour, each in zip(SERIES * 5, shown.series, strict=False):
            axes.plot(each.times, each.values, color=colour, linewidth=1.1, label=each.legend)
            axes.fill_between(each.times, each.values, color=colour, alpha=0.06, linewidth=0)
    if shown.exemplars:
        axes.plot(*zip(*shown.exemplars, strict=True), "D", color="#5794f2", markersize=2.2, alpha=0.8)
    _limit(axes, shown)
    _legend(axes)


def _in(unit: Unit) -> FuncFormatter:
    def label(value: float, _: int) -> str:
        return told(value, unit)

    return FuncFormatter(label)


def _stack(axes: Axes, series: Sequence[Series]) -> None:
    times, values = _grid(series)
    colours = (SERIES * 5)[: len(series)]
    axes.stackplot(times, values, labels=[each.legend for each in series], colors=colours, alpha=0.35)
    for colour, top in zip(colours, np.cumsum(values, axis=0), strict=True):
        axes.plot(times, top, color=colour, linewidth=0.9)


def _grid(series: Sequence[Series]) -> tuple[list[float], NDArray[np.float64]]:
    """The times at which any of them has a value, and the values by series and time, 0 where there is none."""
    times = sorted({time for each in series for time in each.times})
    found = [dict(zip(each.times, each.values, strict=True)) for each in series]
    return times, np.nan_to_num(np.array([[each.get(time, 0.0) for time in times] for each in found]))


def _limit(axes: Axes, shown: Shown) -> None:
    """Dashed lines at the limits that the values come near, and the axis from zero to the most there may be."""
    finite = [value for each in shown.series for value in each.values if math.isfinite(value)]
    points = [value for _, value in shown.exemplars]
    top = shown.panel.most or max(axes.get_ylim()[1], *points, 0)
    near = [limit for limit in shown.panel.limits if limit <= 3 * max(finite)]
    for limit in near:
        axes.axhline(limit, color=PAINT[shown.panel.limits[limit]], linewidth=1, linestyle=(0, (5, 4)))
    axes.set_ylim(0, shown.panel.most or 1.05 * max([top, *near]) or 1)


def _frame(axes: Axes, shown: Shown) -> None:
    axes.set_facecolor("none")
    axes.tick_params(colors=MUTED, labelsize=SMALL, length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlim(0, shown.seconds)
    step = max(1, round(shown.seconds / 60 / 6))
    minutes = range(step, math.ceil(shown.seconds / 60), step)
    axes.set_xticks([60 * each for each in minutes], [f"{each} min" for each in minutes])
    for event in shown.events:
        axes.axvline(event, color="#b877d9", linewidth=1, linestyle=(0, (2, 2)))


def _legend(axes: Axes) -> None:
    """Below the graph, in as many columns as the longest name leaves room for, and two lines at most."""
    handles, names = axes.get_legend_handles_labels()
    inches = axes.get_window_extent().width / axes.figure.dpi + 0.4
    columns = max(1, int(inches / (0.3 + 0.056 * max(map(len, names)))))
    most = 2 * columns
    if len(names) > most:
        names[most - 1] += f" (and {len(names) - most} more)"
    legend = axes.legend(
        handles[:most],
        names[:most],
        loc="upper left",
        bbox_to_anchor=(-0.4 / inches, -0.11),
        ncols=columns,
        fontsize=SMALL,
        frameon=False,
        handlelength=1.1,
        columnspacing=1.2,
        borderaxespad=0.3,
        labelspacing=0.25,
    )
    for text in legend.get_texts():
        text.set_color(TEXT)


def _number(axes: Axes, shown: Shown) -> None:
    (series,) = shown.series
    value = series.values[-1]
    reached = [limit for limit in sorted(shown.panel.limits) if value >= limit]
    colour = shown.panel.limits[reached[-1]] if reached else shown.panel.base
    _say(axes, told(value, shown.panel.unit, shown.panel.decimals), PAINT[colour], LARGE)


def _heatmap(axes: Axes, shown: Shown) -> None:
    """Each bucket's own part of the cumulative ones, brighter where more fell into it; empty ends are left out."""
    series = sorted(shown.series, key=lambda each: float(each.labels["le"]))
    times, cumulative = _grid(series)
    cells = np.clip(np.diff(cumulative, axis=0, prepend=0), 0, None)
    used = np.flatnonzero(cells.sum(axis=1))
    if not used.size:
        return _say(axes, "No data", MUTED, 11)
    kept = slice(max(0, used[0] - 1), used[-1] + 2)
    bounds = [_bound(each.labels["le"], shown.panel.unit) for each in series[kept]]
    shades = np.where(cells[kept] > 0, cells[kept], np.nan)
    _frame(axes, shown)
    ends = [*times, 2 * times[-1] - times[-2]]
    axes.pcolormesh(ends, range(len(bounds) + 1), shades, cmap="inferno", vmin=-cells.max() / 4)
    rows = range(0, len(bounds), math.ceil(len(bounds) / 7))
    axes.set_yticks([row + 1 for row in rows], [bounds[row] for row in rows])
    return None


def _bound(bound: str, unit: Unit) -> str:
    return "∞" if bound == "+Inf" else told(float(bound), unit)


def _table(axes: Axes, shown: Shown) -> None:
    """A line for each series: its labels, then its value; columns are as wide as their longest word."""
    axes.set_axis_off()
    names = list(dict.fromkeys(name for each in shown.series for name in each.labels))
    heads = [*(name.replace("_", " ") for name in names), *shown.panel.queries]
    rows = [[*(each.labels.get(name, "") for name in names), _rounded(each.values[-1])] for each in shown.series]
    lengths = [2 + max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    widths = [length / sum(lengths) for length in lengths]
    height = 0.14 * (len(rows) + 1)
    table = axes.table(rows, colLabels=heads, colWidths=widths, bbox=Bbox.from_bounds(0, 1 - height, 1, height))
    table.auto_set_font_size(value=False)
    for (row, column), cell in table.get_celld().items():
        cell.PAD = 0.7 / lengths[column]
        cell.set(facecolor="none", edgecolor=GRID, linewidth=0.6)
        cell.get_text().set(color=MUTED if row == 0 else TEXT, fontsize=SMALL, ha="left")


_KINDS: Mapping[Kind, Callable[[Axes, Shown], None]] = {
    Kind.GRAPH: _graph,
    Kind.NUMBER: _number,
    Kind.HEATMAP: _heatmap,
    Kind.TABLE: _table,
}
