from typing import Any

from infra.serving.autoscaling import autoscaler_spec, cron_metadata, scaled_object_spec
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.serving import ServingSettings

HOURS = OfficeHoursSettings.model_validate(
    {"timeZone": "Europe/Berlin", "days": ["mon", "wed"], "start": "07:30", "end": "19:05"}, strict=False
)


def settings(**replicas: int) -> ServingSettings:
    autoscaling = {"cpuUtilisation": 55, "scaleDownSeconds": 120}
    return ServingSettings.model_validate({"replicas": replicas, "autoscaling": autoscaling})


def scaled_object(outside: int) -> Any:
    return scaled_object_spec(settings(min=2, max=9, minOutsideOfficeHours=outside), HOURS, "server")


def test_replicas_follow_cpu_use_within_their_bounds_and_go_down_slowly() -> None:
    assert autoscaler_spec(settings(min=2, max=9), "server") == {
        "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": "server"},
        "min_replicas": 2,
        "max_replicas": 9,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "average_utilization": 55}},
            }
        ],
        "behavior": {
            "scale_up": {"stabilization_window_seconds": 0},
            "scale_down": {
                "stabilization_window_seconds": 120,
                "policies": [{"type": "Pods", "value": 1, "period_seconds": 60}],
            },
        },
    }


def test_with_office_hours_replicas_follow_the_same_cpu_use_at_the_same_pace() -> None:
    spec = scaled_object(1)

    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "server"}
    assert spec["triggers"][0] == {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "55"}}
    assert spec["advanced"]["horizontalPodAutoscalerConfig"] == {
        "behavior": {
            "scaleUp": {"stabilizationWindowSeconds": 0},
            "scaleDown": {
                "stabilizationWindowSeconds": 120,
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
            },
        }
    }


def test_the_least_number_of_replicas_is_their_minimum_in_office_hours_and_the_other_one_outside() -> None:
    spec = scaled_object(1)

    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 9)
    assert spec["triggers"][1] == {"type": "cron", "metadata": cron_metadata(HOURS, 2)}
    assert cron_metadata(HOURS, 2) == {
        "timezone": "Europe/Berlin",
        "start": "30 7 * * mon,wed",
        "end": "5 19 * * mon,wed",
        "desiredReplicas": "2",
    }


def test_the_last_pod_goes_as_slowly_as_the_others_and_comes_back_with_the_pods_own_autoscaler() -> None:
    spec = scaled_object(0)

    assert spec["minReplicaCount"] == 0
    assert spec["cooldownPeriod"] == 120
    assert spec["advanced"]["restoreToOriginalReplicaCount"] is True


def test_a_server_that_always_runs_keeps_its_replicas_when_its_autoscaler_changes() -> None:
    spec = scaled_object(1)

    assert spec["advanced"]["restoreToOriginalReplicaCount"] is False
    assert "cooldownPeriod" not in spec, "KEDA's webhook warns of what has no effect"
