from typing import Any

import pytest

from infra.managed.sagemaker.rollout import deployment
from infra.settings.sagemaker_rollout import RolloutSettings

SHARE = {"type": "CAPACITY_PERCENT", "value": 20}


def config(strategy: str, *alarms: str) -> Any:
    given = {"strategy": strategy, "percent": 20, "bakeSeconds": 300}
    return deployment(RolloutSettings.model_validate(given, strict=False), alarms)


@pytest.mark.parametrize(
    ("strategy", "traffic", "timeout"),
    [
        ("all-at-once", {"type": "ALL_AT_ONCE", "wait_interval_in_seconds": 0}, 3900),
        ("canary", {"type": "CANARY", "canary_size": SHARE, "wait_interval_in_seconds": 300}, 4200),
        ("linear", {"type": "LINEAR", "linear_step_size": SHARE, "wait_interval_in_seconds": 300}, 5400),
    ],
)
def test_blue_green_updates_shift_traffic_and_keep_the_old_instances_for_a_while(
    strategy: str, traffic: dict[str, Any], timeout: int
) -> None:
    found = config(strategy)

    assert "rolling_update_policy" not in found
    assert found["blue_green_update_policy"] == {
        "traffic_routing_configuration": traffic,
        "termination_wait_in_seconds": 300,
        "maximum_execution_timeout_in_seconds": timeout,
    }


def test_rolling_updates_replace_a_share_at_a_time() -> None:
    found = config("rolling")

    assert "blue_green_update_policy" not in found
    assert found["rolling_update_policy"] == {
        "maximum_batch_size": SHARE,
        "wait_interval_in_seconds": 300,
        "maximum_execution_timeout_in_seconds": 5100,
    }


def test_alarms_take_an_update_back() -> None:
    assert config("rolling", "slow", "failing")["auto_rollback_configuration"] == {
        "alarms": [{"alarm_name": "slow"}, {"alarm_name": "failing"}]
    }
    assert config("canary")["auto_rollback_configuration"] is None


def test_no_update_may_take_longer_than_sagemaker_lets_it() -> None:
    longest = RolloutSettings.model_validate({"strategy": "linear", "percent": 20, "bakeSeconds": 3600}, strict=False)

    policy: Any = deployment(longest, []).get("blue_green_update_policy")
    assert policy["maximum_execution_timeout_in_seconds"] <= 28800
