"""The monthly estimate of a plan: rows, what they leave out, and what is said about the budget."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from infra.cost.charges import Charge, charges
from infra.cost.hours import average_minimum, quiet_minimums
from infra.cost.pools import Rates, machine_row
from infra.cost.prices import Cloud, PriceTable
from infra.cost.row import Part, Range, Row
from infra.cost.terms import Terms
from infra.cost.unpriced import is_known
from infra.cost.usage import by_use, per_million
from infra.machines import machines
from infra.preview.plan import Plan
from infra.settings.budget import BudgetSettings

_PROVIDERS = {Cloud.AWS: ("pulumi:providers:aws", "region"), Cloud.AZURE: ("pulumi:providers:azure-native", "location")}


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a stack costs in a month, in US dollars."""

    stack: str
    date: date
    """The price table's."""
    rows: Sequence[Row]
    by_use: Sequence[str] = ()
    """What is billed by use, and is in no row."""
    per_million: Sequence[str] = ()
    """What a million requests come to, where their duration is all it takes."""
    unknown: Sequence[str] = ()
    """Types of resources of which nobody said what they cost."""
    budgets: Mapping[Cloud, float] = field(default_factory=dict[Cloud, float])

    @property
    def total(self) -> Range:
        """On the plan's terms."""
        return sum((row.cost for row in self.rows), Range())

    @property
    def on_demand(self) -> Range:
        """If no machine were spot."""
        return sum((row.on_demand for row in self.rows), Range())

    @property
    def missing(self) -> list[str]:
        """What has no price, each once."""
        return sorted({name for row in self.rows for name in row.missing})

    def of(self, part: Part) -> list[Row]:
        """The rows of one part."""
        return [row for row in self.rows if row.part is part]

    def in_cloud(self, cloud: Cloud) -> Range:
        """What one cloud bills."""
        return sum((row.cost for row in self.rows if row.cloud is cloud), Range())

    def to_json(self) -> dict[str, Any]:
        """As JSON values; dollars a month."""
        return {
            "stack": self.stack,
            "date": self.date.isoformat(),
            "rows": [row.to_json() for row in self.rows],
            "total": self.total.to_json(),
            "onDemand": self.on_demand.to_json(),
            "missing": self.missing,
            "byUse": list(self.by_use),
            "perMillion": list(self.per_million),
            "unknown": list(self.unknown),
        }


def estimate(plan: Plan, table: PriceTable, terms: Terms) -> Estimate:
    """Price `plan` by `table`, the stack file's own prices before it."""
    regions = dict(_regions(plan))
    rates = Rates(table=table, regions=regions, own=terms.prices)
    return Estimate(
        stack=plan.stack,
        date=table.date,
        rows=[*_fixed(plan, rates), *_machines(plan, rates, terms)],
        by_use=by_use(plan),
        per_million=list(per_million(plan, table, regions.get(Cloud.AWS, ""))),
        unknown=sorted({resource.type for resource in plan.resources if not is_known(resource)}),
        budgets=dict(_budgets(terms.budget)) if terms.budget else {},
    )


def _regions(plan: Plan) -> Iterator[tuple[Cloud, str]]:
    for cloud, (kind, key) in _PROVIDERS.items():
        yield from ((cloud, provider.inputs[key]) for provider in plan.of_type(kind))


def _budgets(budget: BudgetSettings) -> Iterator[tuple[Cloud, float]]:
    amounts = {Cloud.AWS: budget.aws_monthly_usd, Cloud.AZURE: budget.azure_monthly_usd}
    yield from ((cloud, amount) for cloud, amount in amounts.items() if amount)


def _fixed(plan: Plan, rates: Rates) -> Iterator[Row]:
    quantities: defaultdict[tuple[Cloud, str], float] = defaultdict(float)
    for resource in plan.resources:
        for charge in charges(resource, plan):
            quantities[charge.cloud, charge.item] += charge.quantity
    for (cloud, item), quantity in sorted(quantities.items()):
        yield _fixed_row(Charge(cloud=cloud, item=item, quantity=quantity), rates)


def _fixed_row(charge: Charge, rates: Rates) -> Row:
    region = rates.regions.get(charge.cloud, "")
    price = rates.table.item(charge.cloud, region, charge.item)
    dollars = charge.quantity * price.monthly if price else 0
    cost = Range(minimum=dollars, maximum=dollars)
    return Row(
        part=Part.FIXED,
        cloud=charge.cloud,
        name=f"{charge.cloud.label} {charge.item}",
        detail=f"{charge.quantity:g} at {price.price:g} per {price.per}" if price else f"{charge.quantity:g}",
        cost=cost,
        on_demand=cost,
        sources=(price.source,) if price else (),
        missing=() if price else (f"{charge.item} in {region}",),
    )


def _machines(plan: Plan, rates: Rates, terms: Terms) -> Iterator[Row]:
    quiet = quiet_minimums(plan)
    for found in machines(plan):
        if not found.maximum:
            continue  # a managed group whose nodes are all Karpenter's
        yield machine_row(found, rates, plan, average_minimum(found, quiet, terms.office_hours))
