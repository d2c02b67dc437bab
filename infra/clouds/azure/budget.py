"""The budget of a stack in Azure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.consumption import NotificationArgsDict, OperatorType, ThresholdType

from infra.settings.budget import BudgetSettings


@dataclass(frozen=True, kw_only=True)
class BudgetArgs:
    """`monthly` for `resource_groups`, in the subscription's billing currency; `emails` are those who hear of it."""

    settings: BudgetSettings
    monthly: float
    name: str
    subscription_id: str
    resource_groups: Sequence[pulumi.Input[str]]
    emails: Sequence[str]


def first_of_month(day: date) -> str:
    """When a budget made on `day` begins: Azure takes no earlier month.

    https://learn.microsoft.com/azure/templates/microsoft.consumption/budgets#budgetproperties
    """
    return f"{day:%Y-%m}-01T00:00:00Z"


def node_resource_group(group: str, cluster: str, location: str) -> str:
    """The group that AKS makes for a cluster's nodes, their disks and load balancers.

    https://learn.microsoft.com/azure/aks/faq#why-are-two-resource-groups-created-with-aks-
    """
    return f"MC_{group}_{cluster}_{location}"[:80]


def notifications(settings: BudgetSettings, emails: Sequence[str]) -> dict[str, NotificationArgsDict]:
    """One for each share, above which mail goes out, by a name of its own.

    https://learn.microsoft.com/azure/templates/microsoft.consumption/budgets#notification
    """
    kinds = {ThresholdType.ACTUAL: settings.actual_percent, ThresholdType.FORECASTED: settings.forecast_percent}
    return {
        f"{kind.value}-{percent}": {
            "enabled": True,
            "operator": OperatorType.GREATER_THAN,
            "threshold": percent,
            "threshold_type": kind,
            "contact_emails": list(emails),
        }
        for kind, percents in kinds.items()
        for percent in percents
    }


class Budget(pulumi.ComponentResource):
    """Mail before a month in Azure costs more than it may; it stops nothing.

    It is the subscription's, filtered by resource groups, since most of what AKS costs is in a group of its own.
    """

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:azure:Budget", name, None, opts)
        budget = azure.consumption.Budget(
            name,
            budget_name=args.name,
            scope=f"/subscriptions/{args.subscription_id}",
            category=azure.consumption.CategoryType.COST,
            time_grain=azure.consumption.TimeGrainType.MONTHLY,
            time_period={"start_date": first_of_month(datetime.now(UTC).date())},
            amount=args.monthly,
            filter={
                "dimensions": {
                    "name": "ResourceGroupName",
                    "operator": azure.consumption.BudgetOperatorType.IN_,
                    "values": args.resource_groups,
                }
            },
            notifications=notifications(args.settings, args.emails),
            # It began in the month it was made: a later month's date must change nothing.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["timePeriod"]),
        )
        self.register_outputs({"id": budget.id})
