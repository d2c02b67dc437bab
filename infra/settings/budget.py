"""The `budget` block: what a month may cost, and who hears when it is about to cost more."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.model import Settings, distinct, unit
from infra.settings.notifications import EmailAddress

MOST_ALARMS = 5
"""What both clouds let a budget have.

https://docs.aws.amazon.com/cost-management/latest/userguide/management-limits.html
https://learn.microsoft.com/azure/templates/microsoft.consumption/budgets#budgetproperties
"""
MOST_EMAILS = 10
"""What AWS lets an alarm have."""


def _each_once(shares: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(shares)) != len(shares):
        raise ValueError("must name each once")
    return shares


Shares = Annotated[tuple[Annotated[int, Field(ge=1, le=1000)], ...], AfterValidator(_each_once), unit("percent")]
Amount = Annotated[float, Field(ge=1)]


class BudgetSettings(Settings):
    """A monthly budget in each cloud, since neither sees the other's bill. It alarms; it stops nothing."""

    aws_monthly_usd: Annotated[Amount, unit("US dollars per month")] | None = None
    """What the stack may cost in AWS, by its tags `project` and `stack`; activate them as cost allocation tags."""
    azure_monthly_usd: Annotated[Amount, unit("US dollars per month")] | None = None
    """What the stack's resource groups may cost; convert it where the subscription is billed in another currency."""
    actual_percent: Shares = (80,)
    """Shares of the budget that raise an alarm once they are spent."""
    forecast_percent: Shares = (100,)
    """Shares of the budget that raise an alarm once the month is forecast to end above them."""
    emails: Annotated[tuple[EmailAddress, ...], AfterValidator(distinct), Field(max_length=MOST_EMAILS)] = ()
    """Who hears of it; empty means those of `monitoring.alarmEmails`."""

    @model_validator(mode="after")
    def _is_of_something(self) -> Self:
        if self.aws_monthly_usd is None and self.azure_monthly_usd is None:
            raise ValueError("must have awsMonthlyUsd or azureMonthlyUsd")
        return self

    @model_validator(mode="after")
    def _alarms_and_not_too_often(self) -> Self:
        alarms = len(self.actual_percent) + len(self.forecast_percent)
        if not 1 <= alarms <= MOST_ALARMS:
            raise ValueError(
                f"actualPercent and forecastPercent must have 1 to {MOST_ALARMS} shares together, got {alarms}"
            )
        return self
