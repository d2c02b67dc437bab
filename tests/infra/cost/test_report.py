from datetime import date

from infra.cost.difference import difference_report
from infra.cost.estimate import Estimate
from infra.cost.prices import Cloud
from infra.cost.report import dollars, report
from infra.cost.row import Part, Range, Row


def row(name: str, least: float, most: float, part: Part = Part.FIXED, missing: tuple[str, ...] = ()) -> Row:
    cost = Range(minimum=least, maximum=most)
    return Row(part=part, cloud=Cloud.AWS, name=name, detail="1", cost=cost, on_demand=cost, missing=missing)


ROWS = [
    row("AWS NAT gateway", 35, 35),
    row("AWS KMS key", 4, 4),
    row("EKS spot", 100, 2000, Part.POOLS),
]


def estimate(rows: list[Row] = ROWS, **changes: object) -> Estimate:
    found = {"stack": "test", "date": date(2026, 1, 31), "rows": rows, **changes}
    return Estimate(**found)  # pyright: ignore[reportArgumentType]


def test_a_summary_has_a_line_for_each_clouds_fixed_part() -> None:
    lines = list(report(estimate()))

    assert lines[2].split() == ["AWS", "fixed", "39", "39", "NAT", "gateway", "35,", "KMS", "key", "4.00"]
    assert lines[3].split() == ["EKS", "spot", "100", "2,000", "1"]
    assert lines[4].split() == ["total", "139", "2,039"]


def test_every_item_has_a_line_where_it_is_asked_for() -> None:
    lines = list(report(estimate(), every_item=True))

    assert [line.split("  ")[0] for line in lines[2:5]] == ["AWS NAT gateway", "AWS KMS key", "EKS spot"]


def test_what_the_total_lacks_is_said() -> None:
    rows = [*ROWS, row("AWS warp gate", 0, 0, missing=("warp gate in mars-1",))]
    text = "\n".join(
        report(
            estimate(rows, by_use=["S3: objects"], per_million=["Lambda: 1.14"], unknown=["aws:new:Thing"]),
            every_item=True,
        )
    )

    assert "AWS warp gate    no price  no price" in text
    assert "no price, not in the total: warp gate in mars-1; add it to infra/cost/prices.yaml" in text
    assert "unknown, not in the total: aws:new:Thing; add it to infra/cost/unpriced.yaml" in text
    assert "by use, not in the total: S3: objects" in text
    assert "by use, Lambda: 1.14" in text


def test_the_minimum_above_the_budget_is_a_warning_and_the_maximum_a_remark() -> None:
    def last(budget: float) -> str:
        return list(report(estimate(budgets={Cloud.AWS: budget})))[-1]

    assert last(138) == "warning: AWS costs at least 139, more than budget.awsMonthlyUsd, 138"
    assert last(2038) == "AWS may cost 2,039, more than budget.awsMonthlyUsd, 2,038"
    assert "budget" not in last(2039)


def test_a_difference_shows_what_changed_and_the_total() -> None:
    before = estimate([row("AWS NAT gateway", 105, 105), *ROWS[1:]])
    lines = list(difference_report("main", before, estimate()))

    assert lines[0].split() == ["against", "main", "minimum", "maximum"]
    assert lines[1].split() == ["AWS", "NAT", "gateway", "105", "to", "35", "-70", "105", "to", "35", "-70"]
    assert lines[2].split() == ["total", "209", "to", "139", "-70", "2,109", "to", "2,039", "-70"]
    assert list(difference_report("main", before, before)) == ["no difference to main"]


def test_cents_are_shown_where_dollars_are_few() -> None:
    assert [dollars(amount) for amount in (0, 9.994, 10.4, 12345.6)] == ["0.00", "9.99", "10", "12,346"]
