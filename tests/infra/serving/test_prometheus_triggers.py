from typing import Any

import pytest

from infra.monitoring import queries
from infra.serving.prometheus_triggers import fallback, triggers
from infra.settings.serving import ServingSettings

PROMETHEUS = "http://prometheus.example.svc:9090"
BOTH: dict[str, Any] = {"requestsPerSecond": {"capacity": 250, "utilisation": 60}, "queueTimeMs": 12.5}


def settings(**autoscaling: Any) -> ServingSettings:
    return ServingSettings.model_validate({"namespace": "models", "autoscaling": autoscaling})


def made(*, rests: bool = False, **autoscaling: Any) -> list[dict[str, Any]]:
    return list(triggers(settings(**autoscaling), "server", PROMETHEUS, rests=rests))


def test_each_replica_is_meant_to_have_the_share_of_its_capacity_that_the_settings_say() -> None:
    (trigger,) = made(requestsPerSecond={"capacity": 250, "utilisation": 60})

    assert trigger["metadata"]["threshold"] == "150"
    assert trigger["metadata"]["query"] == queries.requests_per_second('namespace="models"')


def test_a_track_is_scaled_by_the_load_of_its_own_pods() -> None:
    canary = [*triggers(settings(**BOTH), "server-canary", PROMETHEUS, rests=True, track="canary")]

    for trigger in canary:
        query = trigger["metadata"]["query"]
        assert query.count('namespace="models",track="canary"') == query.count("inference_")
        assert 'deployment="server-canary"' in query


def test_a_pods_wait_counts_up_to_twice_its_goal() -> None:
    (trigger,) = made(queueTimeMs=12.5)

    assert trigger["metadata"]["threshold"] == "12.5"
    assert trigger["metadata"]["query"] == queries.queue_time_ms('namespace="models"', 25)


@pytest.mark.parametrize("rests", [False, True])
def test_every_trigger_asks_the_given_prometheus_for_a_total_and_takes_no_answer_for_an_error(rests: bool) -> None:
    both = made(rests=rests, **BOTH)

    assert [trigger["type"] for trigger in both] == ["prometheus"] * 2
    assert {trigger["metricType"] for trigger in both} == {"AverageValue"}
    assert {trigger["metadata"]["serverAddress"] for trigger in both} == {PROMETHEUS}
    assert {trigger["metadata"]["ignoreNullValues"] for trigger in both} == {"false"}


def test_all_that_keda_is_told_of_a_trigger_is_text() -> None:
    assert {type(value) for trigger in made(rests=True, **BOTH) for value in trigger["metadata"].values()} == {str}


def test_settings_that_follow_nothing_of_prometheus_have_no_trigger() -> None:
    assert list(triggers(settings(), "server", None, rests=False)) == []


def test_a_metric_without_its_prometheus_is_refused() -> None:
    with pytest.raises(ValueError, match="needs its URL"):
        list(triggers(settings(**BOTH), "server", None, rests=False))


def test_a_service_that_rests_counts_nothing_then_and_no_load_wakes_it_or_keeps_it_up() -> None:
    for trigger in made(rests=True, **BOTH):
        query = trigger["metadata"]["query"]
        assert query.endswith(f" or {queries.wanted_replicas('models', 'server')} == 0")
        assert float(trigger["metadata"]["activationThreshold"]) > 1e9


def test_a_service_that_always_runs_is_never_taken_for_one_that_rests() -> None:
    for trigger in made(**BOTH):
        assert "kube_deployment" not in trigger["metadata"]["query"]
        assert "activationThreshold" not in trigger["metadata"]


def test_without_an_answer_the_replicas_stay_as_they_are() -> None:
    assert fallback(3) == {"failureThreshold": 2, "replicas": 3, "behavior": "currentReplicas"}


def test_no_error_wakes_a_service_that_rests_or_keeps_it_up_at_night() -> None:
    # KEDA: a fallback that comes makes its trigger active, and one to more than 0 replicas keeps the last pod.
    night = fallback(0)

    assert night["replicas"] == 0
    assert night["failureThreshold"] == 2_147_483_647, "the most that the field takes"
