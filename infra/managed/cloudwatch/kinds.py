"""What alarms are about, for every endpoint alike: slow, failing, full, silent."""

from collections.abc import Mapping

from infra.managed.cloudwatch.alarm import Alarm, Metric
from infra.settings.monitoring import ObjectiveSettings

SATURATED_PERCENT = 90
"""Of memory, processors or concurrency: what is left is used up before more can be there."""


def slow(objectives: ObjectiveSettings, metrics: Mapping[str, Metric], milliseconds: str) -> Alarm:
    """Fires after five minutes in a row."""
    return Alarm(
        name="latency",
        summary=f"95 % of predictions should take less than {objectives.p95_latency_ms:g} ms",
        metrics=metrics,
        expression=milliseconds,
        threshold=objectives.p95_latency_ms,
        periods=5,
        breaching=5,
    )


def failing(objectives: ObjectiveSettings, metrics: Mapping[str, Metric], percent: str) -> Alarm:
    """Fires after three bad minutes of five: `percent` of a minute with one request is 0 or 100."""
    return Alarm(
        name="errors",
        summary=f"More than {objectives.error_percent:g} % of predictions fail",
        metrics=metrics,
        expression=percent,
        threshold=objectives.error_percent,
        periods=5,
        breaching=3,
    )


def full(metrics: Mapping[str, Metric], percent: str, advice: str) -> Alarm:
    """Fires after a quarter of an hour, when autoscaling has done what it can."""
    return Alarm(
        name="saturation",
        summary=f"Over {SATURATED_PERCENT} % has been in use for 15 minutes; {advice}",
        metrics=metrics,
        expression=percent,
        threshold=SATURATED_PERCENT,
        periods=15,
        breaching=15,
    )


def silent(requests: Metric) -> Alarm:
    """Fires where requests are usual at this time of day and week and none come.

    No fixed number can say that: zero is an outage by day, quiet by night, and nothing at all in an idle stack. The
    band of a count never extends below zero, so where none are expected none are missed
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Anomaly_Detection.html). Without
    requests there is no data, hence FILL; as it also fills the newest period, which may only be late, all count.
    """
    return Alarm(
        name="no-traffic",
        summary="Far fewer requests come than at this time of the weeks before",
        metrics={"requests": requests},
        expression="FILL(requests, 0)",
        threshold=None,
        periods=6,
        breaching=6,
        seconds=300,
    )
