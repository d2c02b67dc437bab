"""The autoscaler of the model server's pods."""

from pulumi_kubernetes.autoscaling.v2 import HorizontalPodAutoscalerSpecArgsDict

from infra.settings.serving import ServingSettings


def autoscaler_spec(settings: ServingSettings, deployment: str) -> HorizontalPodAutoscalerSpecArgsDict:
    """Follows CPU use: at once up, and down by one pod a minute after a quiet time."""
    return {
        "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": deployment},
        "min_replicas": settings.replicas.min,
        "max_replicas": settings.replicas.max,
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {
                        "type": "Utilization",
                        "average_utilization": settings.autoscaling.cpu_utilisation,
                    },
                },
            }
        ],
        "behavior": {
            "scale_up": {"stabilization_window_seconds": 0},
            "scale_down": {
                "stabilization_window_seconds": settings.autoscaling.scale_down_seconds,
                "policies": [{"type": "Pods", "value": 1, "period_seconds": 60}],
            },
        },
    }
