"""An estimate as people read it: a table of US dollars a month, then what it leaves out."""

import textwrap
from collections.abc import Iterator, Sequence

from infra.cost.estimate import Estimate
from infra.cost.prices import HOURS, Cloud
from infra.cost.row import Part, Range, Row

WIDTH = 118
COLUMNS = ("", "minimum", "maximum", "on demand", "")


def report(estimate: Estimate, *, every_item: bool = False) -> Iterator[str]:
    """Yield the lines; with `every_item` a line for each fixed item instead of one for each cloud."""
    yield f"US dollars, {HOURS} hours, list prices of {estimate.date} without tax; spot prices change by the hour"
    fixed = estimate.of(Part.FIXED)
    lines = [*map(_line, fixed)] if every_item else [*_by_cloud(fixed)]
    lines += [_line(row) for row in (*estimate.of(Part.POOLS), *estimate.of(Part.ENDPOINTS))]
    yield from table([COLUMNS, *lines, ("total", *_figures(estimate.total, estimate.on_demand), "")])
    yield from notes(estimate)


def notes(estimate: Estimate) -> Iterator[str]:
    """Yield what the figures leave out, and where they are beyond the budget."""
    yield from _paragraph("no price, not in the total", [*estimate.missing, *_add(estimate.missing, "prices.yaml")])
    yield from _paragraph("unknown, not in the total", [*estimate.unknown, *_add(estimate.unknown, "unpriced.yaml")])
    yield from _paragraph("by use, not in the total", estimate.by_use)
    yield from (f"by use, {line}" for line in estimate.per_million)
    for cloud, budget in estimate.budgets.items():
        yield from _over(cloud, budget, estimate.in_cloud(cloud))


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield the rows aligned: the first and the last column to the left, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *figures, last in rows:
        cells = [figure.rjust(width) for figure, width in zip(figures, widths[1:-1], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells, last]).rstrip()


def dollars(amount: float) -> str:
    """In whole dollars, thousands apart; cents below ten."""
    return f"{amount:,.2f}" if abs(amount) < 10 else f"{amount:,.0f}"


def _paragraph(title: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        wrapper = textwrap.TextWrapper(WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        yield from wrapper.wrap(f"{title}: {'; '.join(items)}")


def _add(items: Sequence[str], file: str) -> Iterator[str]:
    if items:
        yield f"add {'it' if len(items) == 1 else 'them'} to infra/cost/{file}"


def _line(row: Row) -> tuple[str, ...]:
    if row.missing and not row.sources:
        return row.name, "no price", "no price", "", row.detail
    return (row.name, *_figures(row.cost, row.on_demand), row.detail)


def _figures(cost: Range, on_demand: Range) -> tuple[str, ...]:
    same = cost == on_demand
    terms = "" if same else f"{dollars(on_demand.minimum)} to {dollars(on_demand.maximum)}"
    return dollars(cost.minimum), dollars(cost.maximum), terms


def _by_cloud(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    for cloud in Cloud:
        own = [row for row in rows if row.cloud is cloud]
        cost = sum((row.cost for row in own), Range())
        if own:
            yield f"{cloud.label} fixed", *_figures(cost, cost), ", ".join(_short(own))


def _short(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the two dearest items, and how many more there are."""
    dearest = sorted(rows, key=lambda row: -row.cost.maximum)[:2]
    yield from (f"{row.name.partition(' ')[2]} {dollars(row.cost.maximum)}" for row in dearest)
    if len(rows) > len(dearest):
        yield f"{len(rows) - len(dearest)} more"


def _over(cloud: Cloud, budget: float, cost: Range) -> Iterator[str]:
    key = f"budget.{cloud}MonthlyUsd"
    if cost.minimum > budget:
        yield f"warning: {cloud.label} costs at least {dollars(cost.minimum)}, more than {key}, {dollars(budget)}"
    elif cost.maximum > budget:
        yield f"{cloud.label} may cost {dollars(cost.maximum)}, more than {key}, {dollars(budget)}"
