from infra.serving.autoscaling import autoscaler_spec
from infra.settings.serving import AutoscalingSettings, ReplicaSettings, ServingSettings


def test_replicas_follow_cpu_use_within_their_bounds_and_go_down_slowly() -> None:
    settings = ServingSettings(
        model="digits",
        replicas=ReplicaSettings(min=2, max=9),
        autoscaling=AutoscalingSettings.model_validate({"cpuUtilisation": 55, "scaleDownSeconds": 120}),
    )

    assert autoscaler_spec(settings, "server") == {
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
