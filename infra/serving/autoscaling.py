"""The autoscaler of the model server's pods.

Without office hours it is a HorizontalPodAutoscaler. With them it is a ScaledObject, for which KEDA keeps an autoscaler
of its own under another name. `up` makes the one before it deletes the other, and while two autoscalers select the same
pods Kubernetes scales by neither (AmbiguousSelector in
https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/controller/podautoscaler/horizontal.go), so a stack changes
between them with the replicas that it has.
"""

from typing import Any, cast

from pulumi_kubernetes.autoscaling.v2 import (
    HorizontalPodAutoscalerBehaviorArgsDict,
    HorizontalPodAutoscalerSpecArgsDict,
)
from pydantic.alias_generators import to_camel

from infra.schedules import unix_cron
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.serving import ServingSettings

BESIDE_KEDA = {"validations.keda.sh/hpa-ownership": "false"}
"""Annotation of an autoscaler beside which KEDA's webhook lets a ScaledObject be made for the same pods.

https://keda.sh/docs/latest/reference/scaledobject-spec/
"""


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
        "behavior": behavior(settings),
    }


def behavior(settings: ServingSettings) -> HorizontalPodAutoscalerBehaviorArgsDict:
    """At once up, and down by one pod a minute after a quiet time."""
    return {
        "scale_up": {"stabilization_window_seconds": 0},
        "scale_down": {
            "stabilization_window_seconds": settings.autoscaling.scale_down_seconds,
            "policies": [{"type": "Pods", "value": 1, "period_seconds": 60}],
        },
    }


def scaled_object_spec(settings: ServingSettings, hours: OfficeHoursSettings, deployment: str) -> dict[str, Any]:
    """Follows CPU use as `autoscaler_spec`, with a least number of replicas that depends on the time.

    https://keda.sh/docs/latest/reference/scaledobject-spec/, https://keda.sh/docs/latest/scalers/cron/ and
    https://keda.sh/docs/latest/scalers/cpu/
    """
    replicas = settings.replicas
    to_zero = replicas.min_outside_office_hours == 0
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
        "minReplicaCount": replicas.min_outside_office_hours,
        "maxReplicaCount": replicas.max,
        # KEDA takes the last pod away itself, without the autoscaler and its quiet time.
        **({"cooldownPeriod": settings.autoscaling.scale_down_seconds} if to_zero else {}),
        "advanced": {
            "horizontalPodAutoscalerConfig": {"behavior": _camel_case(behavior(settings))},
            # No autoscaler leaves zero: a stack that drops its office hours at night would stay there. By day it then
            # begins with the replicas it had before KEDA, for the minutes that the autoscaler needs.
            "restoreToOriginalReplicaCount": to_zero,
        },
        "triggers": [
            {
                "type": "cpu",
                "metricType": "Utilization",
                "metadata": {"value": str(settings.autoscaling.cpu_utilisation)},
            },
            {"type": "cron", "metadata": cron_metadata(hours, replicas.min)},
        ],
    }


def cron_metadata(hours: OfficeHoursSettings, replicas: int) -> dict[str, str]:
    """`replicas` during office hours; in the cron scaler's terms, all of which are text."""
    start, end = hours.bounds
    return {
        "timezone": hours.time_zone,
        "start": unix_cron(start, hours.days),
        "end": unix_cron(end, hours.days),
        "desiredReplicas": str(replicas),
    }


def _camel_case(value: object) -> Any:
    """Names as Kubernetes has them: the SDK translates those of its own types, and a custom resource is none."""
    if isinstance(value, dict):
        return {to_camel(key): _camel_case(item) for key, item in cast("dict[str, object]", value).items()}
    return [_camel_case(item) for item in cast("list[object]", value)] if isinstance(value, list) else value
