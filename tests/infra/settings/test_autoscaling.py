import json

import pytest
from pydantic import ValidationError

from infra.monitoring.queries import AUTOSCALING_WINDOW
from infra.settings.autoscaling import LEAST_QUIET_SECONDS, AutoscalingSettings
from infra.settings.messages import line


def settings(**changes: object) -> AutoscalingSettings:
    return AutoscalingSettings.model_validate_json(json.dumps(changes))


def mistake(**changes: object) -> str:
    with pytest.raises(ValidationError) as refused:
        settings(**changes)
    return "; ".join(line(error, AutoscalingSettings) for error in refused.value.errors())


def test_replicas_follow_cpu_use_alone_where_nothing_else_is_said() -> None:
    default = settings()

    assert default.cpu_utilisation == 70
    assert default.memory_utilisation is None
    assert not default.asks_prometheus


@pytest.mark.parametrize("metric", [{"requestsPerSecond": {"capacity": 10}}, {"queueTimeMs": 5}])
def test_each_metric_of_requests_comes_from_prometheus(metric: dict[str, object]) -> None:
    assert settings(**metric).asks_prometheus
    assert not settings(memoryUtilisation=80).asks_prometheus


def test_a_replica_is_meant_to_have_its_measured_capacity_times_the_utilisation() -> None:
    rate = settings(requestsPerSecond={"capacity": 220, "utilisation": 60}).requests_per_second

    assert rate is not None
    assert rate.target == 132


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"requestsPerSecond": {}}, "requestsPerSecond.capacity is required"),
        ({"requestsPerSecond": {"capacity": 0}}, "requestsPerSecond.capacity must be at least 0.1, got 0"),
        ({"requestsPerSecond": {"capacity": 9, "utilisation": 96}},
         "requestsPerSecond.utilisation must be at most 95, got 96"),
        ({"requestsPerSecond": 100}, "requestsPerSecond must be a block of settings, got 100"),
        ({"queueTimeMs": 0}, "queueTimeMs must be at least 0.1, got 0"),
        ({"memoryUtilization": 80}, "memoryUtilization is not a setting; did you mean memoryUtilisation?"),
        ({"memoryUtilisation": 96}, "memoryUtilisation must be at most 95, got 96"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key_and_what_to_do(changes: dict[str, object], told: str) -> None:
    assert mistake(**changes) == told


@pytest.mark.parametrize("metric", [{"requestsPerSecond": {"capacity": 10}}, {"queueTimeMs": 5}])
def test_a_gap_of_scrapes_is_never_long_enough_to_take_a_replica_away(metric: dict[str, object]) -> None:
    told = "scaleDownSeconds must be at least 120 where requestsPerSecond or queueTimeMs is given, got 119"

    assert mistake(**metric, scaleDownSeconds=119).startswith(told)
    assert settings(**metric, scaleDownSeconds=120).scale_down_seconds == 120
    assert settings(scaleDownSeconds=0).scale_down_seconds == 0
    assert f"{LEAST_QUIET_SECONDS // 2}s" == AUTOSCALING_WINDOW


def test_the_largest_capacity_is_a_threshold_that_loses_no_digit() -> None:
    rate = settings(requestsPerSecond={"capacity": 1_000_000, "utilisation": 95}).requests_per_second

    assert rate is not None
    assert float(f"{rate.target:g}") == rate.target
