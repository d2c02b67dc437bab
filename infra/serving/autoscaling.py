"""The autoscaler of the model server's pods.

It is a HorizontalPodAutoscaler, or, where the clock or Prometheus has a say, a ScaledObject, for which KEDA keeps an
autoscaler of its own under another name. `up` makes the one before it deletes the other, and while two autoscalers
select the same pods Kubernetes scales by neither (AmbiguousSelector in
https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/controller/podautoscaler/horizontal.go), so a stack changes
between them with the replicas that it has.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.autoscaling.v2 import (
    HorizontalPodAutoscalerBehaviorArgsDict,
    HorizontalPodAutoscalerSpecArgsDict,
    MetricSpecArgsDict,
    MetricTargetArgsDict,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from infra.monitoring import queries
from infra.schedules import unix_cron
from infra.serving import prometheus_triggers
from infra.serving.camel_case import camel_case
from infra.settings.autoscaling import AutoscalingSettings
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.serving import ServingSettings

BESIDE_KEDA = {"validations.keda.sh/hpa-ownership": "false"}
"""Annotation of an autoscaler beside which KEDA's webhook lets a ScaledObject be made for the same pods.

https://keda.sh/docs/latest/reference/scaledobject-spec/
"""


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """`prometheus` is the URL that KEDA asks, needed where the settings follow one of its metrics.

    `track` is the label of the Deployment's pods, None where no other pods serve; `requests` is PromQL for the requests
    per second of the pods that a selector matches.
    """

    settings: ServingSettings
    deployment: str
    track: str | None = None
    metadata: ObjectMetaArgsDict
    office_hours: OfficeHoursSettings | None = None
    prometheus: str | None = None
    requests: Callable[[str], str] = queries.requests_per_second


def needs_keda(settings: ServingSettings, hours: OfficeHoursSettings | None) -> bool:
    """Whether the replicas follow the clock or Prometheus, of which Kubernetes' own autoscaler knows nothing."""
    scheduled = any(_cron_triggers(track, hours) for track in settings.tracks.values())
    return settings.autoscaling.asks_prometheus or scheduled


def autoscaler(name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """The one autoscaler of a Deployment. A ScaledObject needs the release of KEDA's chart to be there."""
    if needs_keda(args.settings, args.office_hours):
        return kubernetes.apiextensions.CustomResource(
            name,
            api_version="keda.sh/v1alpha1",
            kind="ScaledObject",
            metadata=args.metadata,
            spec=scaled_object_spec(args),
            opts=opts,
        )
    return kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
        name,
        metadata=args.metadata | {"annotations": BESIDE_KEDA},
        spec=autoscaler_spec(args.settings, args.deployment),
        opts=opts,
    )


def autoscaler_spec(settings: ServingSettings, deployment: str) -> HorizontalPodAutoscalerSpecArgsDict:
    """Follows the use of CPU, and of memory where asked for.

    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
    """
    return {
        "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": deployment},
        "min_replicas": settings.replicas.min,
        "max_replicas": settings.replicas.max,
        "metrics": [_resource_metric(*use) for use in _resource_use(settings.autoscaling)],
        "behavior": behavior(settings.autoscaling.scale_down_seconds),
    }


def behavior(quiet_seconds: int) -> HorizontalPodAutoscalerBehaviorArgsDict:
    """At once up, and down by one pod a minute after a quiet time."""
    return {
        "scale_up": {"stabilization_window_seconds": 0},
        "scale_down": {
            "stabilization_window_seconds": quiet_seconds,
            "policies": [{"type": "Pods", "value": 1, "period_seconds": 60}],
        },
    }


def scaled_object_spec(args: AutoscalerArgs) -> dict[str, Any]:
    """Follows the use of CPU and memory as `autoscaler_spec`, what Prometheus counts, and the clock.

    It sets no `pollingInterval`: Kubernetes asks for the metrics, each 15 seconds, and KEDA on its own only where it
    takes the last pod away, which the clock alone decides (https://keda.sh/docs/latest/reference/scaledobject-spec/).
    Raises ValueError where a metric of Prometheus is asked for without its URL.
    """
    settings, autoscaling = args.settings, args.settings.autoscaling
    least = _least_replicas(settings, args.office_hours)
    to_zero = least == 0
    load = prometheus_triggers.triggers(
        settings, args.deployment, args.prometheus, rests=to_zero, track=args.track, requests=args.requests
    )
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": args.deployment},
        "minReplicaCount": least,
        "maxReplicaCount": settings.replicas.max,
        # KEDA takes the last pod away itself, without the autoscaler and its quiet time.
        **({"cooldownPeriod": autoscaling.scale_down_seconds} if to_zero else {}),
        **({"fallback": prometheus_triggers.fallback(least)} if autoscaling.asks_prometheus else {}),
        "advanced": {
            "horizontalPodAutoscalerConfig": {"behavior": camel_case(behavior(autoscaling.scale_down_seconds))},
            # No autoscaler leaves zero: a stack that drops its office hours at night would stay there. By day it then
            # begins with the replicas it had before KEDA, for the minutes that the autoscaler needs.
            "restoreToOriginalReplicaCount": to_zero,
        },
        "triggers": [
            *(_resource_trigger(*use) for use in _resource_use(autoscaling)),
            *load,
            *_cron_triggers(settings, args.office_hours),
        ],
    }


def cron_metadata(hours: OfficeHoursSettings, replicas: int) -> dict[str, str]:
    """`replicas` during office hours; in the cron scaler's terms, all of which are text.

    https://keda.sh/docs/latest/scalers/cron/
    """
    start, end = hours.bounds
    return {
        "timezone": hours.time_zone,
        "start": unix_cron(start, hours.days),
        "end": unix_cron(end, hours.days),
        "desiredReplicas": str(replicas),
    }


def _least_replicas(settings: ServingSettings, hours: OfficeHoursSettings | None) -> int:
    outside = settings.replicas.min_outside_office_hours
    return settings.replicas.min if hours is None or outside is None else outside


def _cron_triggers(settings: ServingSettings, hours: OfficeHoursSettings | None) -> list[dict[str, Any]]:
    if hours is None or settings.replicas.min_outside_office_hours is None:
        return []
    return [{"type": "cron", "metadata": cron_metadata(hours, settings.replicas.min)}]


def _resource_use(settings: AutoscalingSettings) -> list[tuple[str, int]]:
    """Resources, each with the percent of its request to aim at."""
    memory = settings.memory_utilisation
    return [("cpu", settings.cpu_utilisation), *([("memory", memory)] if memory else [])]


def _resource_metric(resource: str, percent: int) -> MetricSpecArgsDict:
    target: MetricTargetArgsDict = {"type": "Utilization", "average_utilization": percent}
    return {"type": "Resource", "resource": {"name": resource, "target": target}}


def _resource_trigger(resource: str, percent: int) -> dict[str, Any]:
    """https://keda.sh/docs/latest/scalers/cpu/ and https://keda.sh/docs/latest/scalers/memory/."""
    return {"type": resource, "metricType": "Utilization", "metadata": {"value": str(percent)}}
