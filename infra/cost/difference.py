"""What a change costs: two estimates, row by row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infra.cost.estimate import Estimate
from infra.cost.report import dollars, table
from infra.cost.row import Range, Row


@dataclass(frozen=True, kw_only=True)
class Change:
    """A row that differs: what it costs in the one and in the other estimate."""

    name: str
    before: Range
    after: Range

    def to_json(self) -> dict[str, Any]:
        """As JSON values; dollars a month."""
        return {"name": self.name, "before": self.before.to_json(), "after": self.after.to_json()}


def difference(before: Estimate, after: Estimate) -> list[Change]:
    """The rows whose cost differs by a cent or more, in the order of `after`, then those that are gone."""
    old, new = _by_name(before.rows), _by_name(after.rows)
    names = [*new, *(name for name in old if name not in new)]
    changes = [Change(name=name, before=old.get(name, Range()), after=new.get(name, Range())) for name in names]
    return [change for change in changes if change.before.to_json() != change.after.to_json()]


def difference_report(revision: str, before: Estimate, after: Estimate) -> Iterator[str]:
    """Yield the lines of a table of changes, and the total's."""
    changes = difference(before, after)
    if not changes:
        yield f"no difference to {revision}"
        return
    lines = [_line(change.name, change.before, change.after) for change in changes]
    total = _line("total", before.total, after.total)
    yield from table([(f"against {revision}", "minimum", "", "maximum", "", ""), *lines, total])


def _line(name: str, before: Range, after: Range) -> tuple[str, ...]:
    more = after - before
    least, most = (
        f"{dollars(before.minimum)} to {dollars(after.minimum)}",
        f"{dollars(before.maximum)} to {dollars(after.maximum)}",
    )
    return name, least, _signed(more.minimum), most, _signed(more.maximum), ""


def _signed(amount: float) -> str:
    return f"{'+' if amount >= 0 else '-'}{dollars(abs(amount))}"


def _by_name(rows: Sequence[Row]) -> dict[str, Range]:
    return {row.name: row.cost for row in rows}
