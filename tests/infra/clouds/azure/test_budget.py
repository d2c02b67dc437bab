import json
from datetime import date
from typing import Any
from unittest.mock import Mock

import pytest

from infra.clouds.azure.budget import Budget, BudgetArgs, first_of_month, node_resource_group
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.settings.budget import BudgetSettings

BUDGET = "azure-native:consumption:Budget"
GROUPS = ["platform-prod", "MC_platform-prod_platform-prod_northeurope"]


def preview() -> Plan:
    settings = BudgetSettings.model_validate_json(json.dumps({"azureMonthlyUsd": 900}))

    def program() -> None:
        args = BudgetArgs(
            settings=settings,
            monthly=900,
            name="platform-prod",
            subscription_id="00000000-0000-0000-0000-000000000000",
            resource_groups=GROUPS,
            emails=["owner@example.com"],
        )
        Budget("budget", args)

    return run(program, {})


def inputs() -> Any:
    return preview().one(BUDGET).inputs


def test_every_input_fits_its_schema() -> None:
    assert [str(failure) for failure in check_plan(preview()).failures] == []


def test_a_wrong_key_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: dict[str, Any] = {"Actual-80": {"enabled": True, "operator": "GreaterThan", "threshold": 80, "emails": []}}
    monkeypatch.setattr("infra.clouds.azure.budget.notifications", Mock(return_value=wrong))

    assert any("emails" in str(failure) for failure in check_plan(preview()).failures)


def test_it_counts_the_stacks_group_and_the_one_of_the_nodes() -> None:
    found = inputs()

    assert found["scope"] == "/subscriptions/00000000-0000-0000-0000-000000000000"
    assert found["filter"] == {"dimensions": {"name": "ResourceGroupName", "operator": "In", "values": GROUPS}}
    assert node_resource_group("platform-prod", "platform-prod", "northeurope") == GROUPS[1]


def test_it_begins_in_the_month_it_is_made_and_a_later_month_changes_nothing() -> None:
    assert first_of_month(date(2026, 11, 22)) == "2026-11-01T00:00:00Z"
    assert preview().one(BUDGET).ignore_changes == ["timePeriod"]


def test_mail_goes_out_at_four_fifths_and_when_the_month_is_forecast_to_end_above_it() -> None:
    found = inputs()["notifications"]

    assert {name: (each["thresholdType"], each["threshold"]) for name, each in found.items()} == {
        "Actual-80": ("Actual", 80),
        "Forecasted-100": ("Forecasted", 100),
    }
    assert all(each["contactEmails"] == ["owner@example.com"] for each in found.values())
