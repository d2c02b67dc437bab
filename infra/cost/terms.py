"""What a stack file says about its costs, beside what it makes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from infra.preview.stack_file import Stack
from infra.settings.budget import BudgetSettings
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.prices import Prices, PriceSettings

_PRICES = TypeAdapter(Prices)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """A stack's own prices by instance type, its office hours and its budget."""

    prices: Prices = field(default_factory=dict[str, PriceSettings])
    office_hours: OfficeHoursSettings | None = None
    budget: BudgetSettings | None = None


def terms(stack: Stack) -> Terms:
    """Read them from a stack file's blocks, which the program found valid."""
    monitoring, hours, budget = (_block(stack, name) for name in ("monitoring", "officeHours", "budget"))
    return Terms(
        prices=_PRICES.validate_json(json.dumps(monitoring.get("prices") or {})),
        office_hours=OfficeHoursSettings.model_validate_json(json.dumps(hours)) if hours else None,
        budget=BudgetSettings.model_validate_json(json.dumps(budget)) if budget else None,
    )


def _block(stack: Stack, name: str) -> Mapping[str, Any]:
    return stack.config.get(f"{stack.project}:{name}") or {}
