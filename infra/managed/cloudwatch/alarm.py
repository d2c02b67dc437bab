"""One alarm of CloudWatch: what it watches, and when it fires.

Limits: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html; what an expression may
say: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi_aws.cloudwatch import MetricAlarmMetricQueryArgsDict

WATCHED, BAND = "watched", "band"
"""Ids of what an alarm watches, and of what it is compared with where there is no threshold."""

BAND_WIDTH = 2
"""Standard deviations between what is expected and what is too little."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric, as one value for each period."""

    namespace: str
    name: str
    stat: str
    dimensions: Mapping[str, pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Fires when `expression` is over `threshold` in `breaching` of the last `periods` periods of `seconds` each.

    Without a threshold it fires when the expression is lower than the two weeks before make expect. A period without
    data counts as good, so an endpoint that nobody asks is no alarm.
    """

    name: str
    summary: str
    metrics: Mapping[str, Metric]
    expression: str
    threshold: float | None
    periods: int
    breaching: int
    seconds: int = 60


def alarms(
    name: str, specs: Sequence[Alarm], actions: Sequence[pulumi.Input[str]], opts: pulumi.ResourceOptions
) -> list[aws.cloudwatch.MetricAlarm]:
    """An alarm `<name>-<alarm>` for each spec; whoever hears of its begin hears of its end."""
    return [_alarm(f"{name}-{spec.name}", spec, actions, opts) for spec in specs]


def _alarm(
    name: str, spec: Alarm, actions: Sequence[pulumi.Input[str]], opts: pulumi.ResourceOptions
) -> aws.cloudwatch.MetricAlarm:
    is_band = spec.threshold is None
    return aws.cloudwatch.MetricAlarm(
        name,
        alarm_description=spec.summary,
        comparison_operator="LessThanLowerThreshold" if is_band else "GreaterThanThreshold",
        threshold=spec.threshold,
        threshold_metric_id=BAND if is_band else None,
        metric_queries=queries(spec),
        evaluation_periods=spec.periods,
        datapoints_to_alarm=spec.breaching,
        treat_missing_data="notBreaching",
        alarm_actions=actions,
        ok_actions=actions,
        opts=opts,
    )


def queries(spec: Alarm) -> list[MetricAlarmMetricQueryArgsDict]:
    """The metrics, what the alarm watches of them and, where there is no threshold, the band around it.

    A metric that is watched as it is needs no expression.
    """
    found = [_metric(short, spec) for short in spec.metrics]
    if spec.expression not in spec.metrics:
        found.append({"id": WATCHED, "expression": spec.expression, "label": spec.name, "return_data": True})
    if spec.threshold is None:
        band = f"ANOMALY_DETECTION_BAND({WATCHED}, {BAND_WIDTH})"
        found.append({"id": BAND, "expression": band, "label": "expected", "return_data": True})
    return found


def _metric(short: str, spec: Alarm) -> MetricAlarmMetricQueryArgsDict:
    metric = spec.metrics[short]
    return {
        "id": short,
        "return_data": short == spec.expression,
        "metric": {
            "namespace": metric.namespace,
            "metric_name": metric.name,
            "stat": metric.stat,
            "period": spec.seconds,
            "dimensions": metric.dimensions,
        },
    }
