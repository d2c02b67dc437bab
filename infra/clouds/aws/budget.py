"""The budget of a stack in AWS."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi_aws.budgets import BudgetFilterExpressionArgsDict, BudgetNotificationArgsDict

from infra.settings.budget import BudgetSettings


@dataclass(frozen=True, kw_only=True)
class BudgetArgs:
    """`monthly_usd` for what bears the tags `project` and `stack`; `emails` are those who hear of it, 1 to 10."""

    settings: BudgetSettings
    monthly_usd: float
    name: str
    project: str
    stack: str
    emails: Sequence[str]


def notifications(settings: BudgetSettings, emails: Sequence[str]) -> list[BudgetNotificationArgsDict]:
    """One for each share, above which mail goes out; these addresses need not confirm.

    https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Notification.html
    """
    kinds = {"ACTUAL": settings.actual_percent, "FORECASTED": settings.forecast_percent}
    return [
        {
            "notification_type": kind,
            "comparison_operator": "GREATER_THAN",
            "threshold": percent,
            "threshold_type": "PERCENTAGE",
            "subscriber_email_addresses": list(emails),
        }
        for kind, percents in kinds.items()
        for percent in percents
    ]


def of_stack(project: str, stack: str) -> BudgetFilterExpressionArgsDict:
    """What both tags are on: an account may have other projects with a stack of that name.

    Both must be active as cost allocation tags, and count from the day they are:
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
    """
    tags = {"project": project, "stack": stack}
    return {"ands": [{"tags": {"key": key, "values": [value]}} for key, value in tags.items()]}


class Budget(pulumi.ComponentResource):
    """Mail before a month in AWS costs more than it may; it stops nothing."""

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:aws:Budget", name, None, opts)
        budget = aws.budgets.Budget(
            name,
            name=args.name,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{args.monthly_usd:.2f}",
            limit_unit="USD",
            metrics="UnblendedCost",
            filter_expression=of_stack(args.project, args.stack),
            notifications=notifications(args.settings, args.emails),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"name": budget.name})
