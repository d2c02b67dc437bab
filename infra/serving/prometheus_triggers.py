"""What a ScaledObject follows of what Prometheus counts, and what it does when nothing is counted."""

from collections.abc import Callable, Iterator
from typing import Any

from infra.monitoring import queries
from infra.settings.serving import ServingSettings

MOST_WAIT = 2
"""Times its goal that a pod's wait counts at most."""

FAILURES = 2
"""Errors before KEDA falls back, at 15 seconds each; few, so that what Kubernetes remembers has no gap."""

NEVER = 2**31 - 1
"""More failures than there can be."""

NO_LOAD = "1e12"
"""An activation threshold that nothing reaches: at zero replicas the clock alone wakes the service and rests it."""


def triggers(
    settings: ServingSettings,
    deployment: str,
    prometheus: str | None,
    *,
    rests: bool,
    track: str | None = None,
    requests: Callable[[str], str] = queries.requests_per_second,
) -> Iterator[dict[str, Any]]:
    """A trigger for each metric of Prometheus in the settings, counted over the pods of one track where there are more.

    `rests` is for a clock that may take all pods away; `requests` counts those of the pods that a selector matches.

    Both are totals over the pods, which KEDA has Kubernetes divide by their number (`AverageValue`): the next number
    of replicas is total / threshold, and the last one plays no part. That is right for a total that stays the same when
    replicas are added. Requests per second do. Waiting does not: it ends when there are enough replicas, and grows
    past all bounds when there are too few. So each pod's wait counts up to twice the goal: at most one more replica for
    each that is ready, and the same again when those are ready too. It is the mean that is added up, since a total of
    quantiles means nothing, and theirs come from buckets up to 2.5 times apart.

    https://keda.sh/docs/latest/scalers/prometheus/. Raises ValueError where a metric is asked for and no Prometheus is.
    """
    selector = queries.pods_of(settings.namespace, track)
    for query, threshold in _queries(settings, selector, requests):
        if prometheus is None:
            raise ValueError("an autoscaler that follows a metric of Prometheus needs its URL")
        known = queries.zero_while_none_is_wanted(query, settings.namespace, deployment) if rests else query
        yield {
            "type": "prometheus",
            "metricType": "AverageValue",
            "metadata": {
                "serverAddress": prometheus,
                "query": known,
                "threshold": f"{threshold:g}",
                # By default no answer counts as no load, and takes replicas away.
                "ignoreNullValues": "false",
                **({"activationThreshold": NO_LOAD} if rests else {}),
            },
        }


def _queries(settings: ServingSettings, selector: str, requests: Callable[[str], str]) -> Iterator[tuple[str, float]]:
    """Queries, each with what one replica may have of it."""
    rate, wait = settings.autoscaling.requests_per_second, settings.autoscaling.queue_time_ms
    if rate:
        yield requests(selector), rate.target
    if wait is not None:
        yield queries.queue_time_ms(selector, MOST_WAIT * wait), wait


def fallback(least: int) -> dict[str, Any]:
    """What happens when Prometheus has no answer: the replicas stay, and only other metrics can add some.

    Kubernetes takes none away for as long as it cannot read one of its metrics, and falling back to `currentReplicas`
    asks for no other number either. But Kubernetes then has an answer to remember: without, a gap longer than its quiet
    time is followed by a rate of too few samples and nothing that speaks against it (`computeReplicasForMetrics` and
    `stabilizeRecommendationWithBehaviors` in
    https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/controller/podautoscaler/horizontal.go).

    Where the clock takes all pods away, this would wake the service at night, since KEDA takes a trigger that falls
    back for an active one; and with no fallback at all an error keeps the pods that were left in the evening
    (https://github.com/kedacore/keda/blob/v2.21.0/pkg/scaling/executor/scale_scaledobjects.go). So there it is one to
    zero replicas that never comes: the clock alone decides then, and by day an error still takes no replica away.
    """
    if least == 0:
        return {"failureThreshold": NEVER, "replicas": 0}
    return {"failureThreshold": FAILURES, "replicas": least, "behavior": "currentReplicas"}
