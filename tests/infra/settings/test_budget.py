import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.budget import BudgetSettings
from infra.settings.messages import line


def mistake(**block: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        BudgetSettings.model_validate_json(json.dumps(block))
    return "; ".join(line(error, BudgetSettings) for error in refused.value.errors())


def test_an_amount_is_all_that_a_budget_needs() -> None:
    settings = BudgetSettings.model_validate_json('{"awsMonthlyUsd": 2000}')

    assert (settings.aws_monthly_usd, settings.azure_monthly_usd) == (2000, None)
    assert (settings.actual_percent, settings.forecast_percent) == ((80,), (100,))


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({}, " must have awsMonthlyUsd or azureMonthlyUsd, got {}"),
        ({"awsMonthlyUsd": 0}, "awsMonthlyUsd must be at least 1, got 0"),
        ({"awsMonthlyUsd": 9, "actualPercent": [80, 80]}, "actualPercent must name each once, got [80, 80]"),
        ({"awsMonthlyUsd": 9, "forecastPercent": [0]}, "forecastPercent.0 must be at least 1, got 0"),
        (
            {"awsMonthlyUsd": 9, "actualPercent": [], "forecastPercent": []},
            "actualPercent and forecastPercent must have 1 to 5 shares together, got 0",
        ),
        (
            {"azureMonthlyUsd": 9, "actualPercent": [50, 60, 70, 80, 90]},
            "actualPercent and forecastPercent must have 1 to 5 shares together, got 6",
        ),
        ({"awsMonthlyUsd": 9, "emails": ["owner"]}, "emails.0 must match ^[^@\\s]+@[^@\\s]+\\.[^@\\s.]+$, got owner"),
    ],
)
def test_a_mistake_says_what_to_write(block: Any, told: str) -> None:
    assert mistake(**block) == told
