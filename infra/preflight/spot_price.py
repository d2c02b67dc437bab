"""What to say of a spot price."""

from collections.abc import Mapping

from infra.preflight.answer import Answer, ok, warning
from infra.settings.prices import PriceSettings

HARDLY_CHEAPER = 0.8
"""From this part of the price on demand on, spot saves less than its interruptions cost."""


def verdict(
    asked: str, name: str, spot: Mapping[str, float], on_demand: float | None, stated: PriceSettings | None
) -> Answer:
    """Judge the prices of one machine by place, US dollars an hour; `stated` are those of the stack file."""
    lowest, usual = min(spot.values()), stated.on_demand if stated else on_demand
    found = f"{', '.join(f'{price:.4f} in {place}' for place, price in spot.items())} USD an hour"
    if usual:
        found += f", {100 * lowest / usual:.0f} percent of {usual:.4f} on demand"
    if stated and lowest > stated.spot:
        fix = f"correct monitoring.prices.{name}.spot, which the Cost dashboard reckons with"
        return warning(asked, f"{found}; monitoring.prices has {stated.spot:g}", fix)
    if usual and lowest > HARDLY_CHEAPER * usual:
        return warning(asked, found, "make the pool on-demand: it costs hardly more, and nobody takes it back")
    return ok(asked, found)
