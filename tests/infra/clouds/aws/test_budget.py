import json
from typing import Any
from unittest.mock import Mock

import pytest

from infra.clouds.aws.budget import Budget, BudgetArgs
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.settings.budget import BudgetSettings

BUDGET = "aws:budgets/budget:Budget"
EMAILS = ["owner@example.com"]


def preview(**changes: Any) -> Plan:
    settings = BudgetSettings.model_validate_json(json.dumps({"awsMonthlyUsd": 2000, **changes}))

    def program() -> None:
        args = BudgetArgs(
            settings=settings, monthly_usd=2000, name="platform-prod", project="platform", stack="prod", emails=EMAILS
        )
        Budget("budget", args)

    return run(program, {})


def inputs(**changes: Any) -> Any:
    return preview(**changes).one(BUDGET).inputs


def test_every_input_fits_its_schema() -> None:
    assert [str(failure) for failure in check_plan(preview()).failures] == []


def test_a_wrong_key_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: dict[str, Any] = {"ands": [{"tag": {"key": "stack", "values": ["prod"]}}]}
    monkeypatch.setattr("infra.clouds.aws.budget.of_stack", Mock(return_value=wrong))

    assert any("tag" in str(failure) for failure in check_plan(preview()).failures)


def test_a_month_has_its_limit_in_dollars() -> None:
    found = inputs()

    assert (found["limitAmount"], found["limitUnit"]) == ("2000.00", "USD")
    assert (found["budgetType"], found["timeUnit"], found["metrics"]) == ("COST", "MONTHLY", "UnblendedCost")


def test_only_what_bears_both_of_the_stacks_tags_counts() -> None:
    assert inputs()["filterExpression"] == {
        "ands": [
            {"tags": {"key": "project", "values": ["platform"]}},
            {"tags": {"key": "stack", "values": ["prod"]}},
        ]
    }


def test_mail_goes_out_at_four_fifths_and_when_the_month_is_forecast_to_end_above_it() -> None:
    shares = [(each["notificationType"], each["threshold"]) for each in inputs()["notifications"]]

    assert shares == [("ACTUAL", 80), ("FORECASTED", 100)]
    assert all(each["subscriberEmailAddresses"] == EMAILS for each in inputs()["notifications"])
    assert len(inputs(actualPercent=[50, 80, 100], forecastPercent=[])["notifications"]) == 3
