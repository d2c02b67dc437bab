import json

import pytest
from pydantic import ValidationError

from infra.settings.messages import line
from infra.settings.monitoring import MonitoringSettings


def mistakes(prices: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        MonitoringSettings.model_validate_json(json.dumps({"prices": prices}))
    return [line(error, MonitoringSettings) for error in caught.value.errors()]


def test_prices_go_by_the_instance_types_of_any_cloud() -> None:
    prices = {"g5.xlarge": {"spot": 0.5, "onDemand": 1.25}, "Standard_NC4as_T4_v3": {"spot": 0, "onDemand": 0.5}}
    settings = MonitoringSettings.model_validate_json(json.dumps({"prices": prices}))

    assert {name: (each.spot, each.on_demand) for name, each in settings.prices.items()} == {
        "g5.xlarge": (0.5, 1.25),
        "Standard_NC4as_T4_v3": (0, 0.5),
    }
    assert MonitoringSettings().prices == {}


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ({"g5.xlarge": {"spot": -1, "onDemand": 1}}, "prices.g5.xlarge.spot must be at least 0, got -1"),
        ({"g5.xlarge": {"spot": 0.5}}, "prices.g5.xlarge.onDemand is required"),
        ({"g5.xlarge": {"spot": "0.50", "onDemand": 1}}, "prices.g5.xlarge.spot must be a number, got 0.50"),
        (
            {'g5"}': {"spot": 0.5, "onDemand": 1}},
            'prices.g5"} must match ^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$, got g5"}',
        ),
    ],
)
def test_a_wrong_price_is_refused(prices: object, said: str) -> None:
    assert mistakes(prices) == [said]
