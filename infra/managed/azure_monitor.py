"""Azure Monitor's alarms on managed endpoints, from the objectives that the clusters' alerts have too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.monitor import (
    AggregationTypeEnum,
    CriterionType,
    DimensionOperator,
    DynamicMetricCriteriaArgs,
    DynamicThresholdFailingPeriodsArgs,
    DynamicThresholdOperator,
    DynamicThresholdSensitivity,
    MetricAlertMultipleResourceMultipleMetricCriteriaArgs,
    MetricAlertSingleResourceMultipleMetricCriteriaArgs,
    MetricCriteriaArgs,
    MetricDimensionArgs,
    Operator,
)

from infra.settings.container_instances import ContainerInstancesSettings
from infra.settings.monitoring import ObjectiveSettings

ENDPOINT_METRICS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
"""https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-metrics"""
DEPLOYMENT_METRICS = f"{ENDPOINT_METRICS}/deployments"
"""https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-deployments-metrics"""
CONTAINER_METRICS = "Microsoft.ContainerInstance/containerGroups"
"""https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-containerinstance-containergroups-metrics"""

FULL_PERCENT = 90
"""Use of a processor or of memory that autoscaling should have prevented."""


class Severity(IntEnum):
    """Azure's numbers (https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-overview#alert-severity)."""

    ERROR = 1
    WARNING = 2


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One metric above `above` on average over `window` (ISO 8601); without `above`, below what is usual for it."""

    summary: str
    severity: Severity
    namespace: str
    metric: str
    above: float | None = None
    window: str = "PT15M"
    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])


def endpoint_alarms(objectives: ObjectiveSettings, usual_requests_per_minute: int) -> dict[str, Alarm]:
    """Slow, failing, refusing, silent: the alarms on one online endpoint, by name.

    A metric alarm cannot divide, so the share of failed requests becomes a number: that share of the usual traffic.
    Silence is measured against what the hour and the weekday usually bring, so an endpoint nobody uses stays quiet.
    """
    failed = objectives.error_percent / 100 * usual_requests_per_minute
    return {
        "latency": Alarm(
            summary=f"95 % of predictions should take less than {objectives.p95_latency_ms:g} ms",
            severity=Severity.WARNING,
            namespace=ENDPOINT_METRICS,
            metric="RequestLatency_P95",  # milliseconds
            above=objectives.p95_latency_ms,
        ),
        "errors": Alarm(
            summary=f"More than {objectives.error_percent:g} % of {usual_requests_per_minute} requests a minute fail",
            severity=Severity.ERROR,
            namespace=ENDPOINT_METRICS,
            metric="RequestsPerMinute",
            above=failed,
            window="PT5M",
            dimensions={"statusCodeClass": "5xx"},
        ),
        "refused": Alarm(
            summary="Clients get 429; raise azureMl.instances.max or maxConcurrentRequests",
            severity=Severity.WARNING,
            namespace=ENDPOINT_METRICS,
            metric="RequestsPerMinute",
            above=0,
            dimensions={"statusCode": "429"},
        ),
        "silence": Alarm(
            summary="Far fewer requests than usual at this hour",
            severity=Severity.WARNING,
            namespace=ENDPOINT_METRICS,
            metric="RequestsPerMinute",
        ),
    }


def saturation_alarm(metric: str) -> Alarm:
    """The alarm on one deployment whose instances stay busy, in percent of `metric`, in spite of autoscaling."""
    return Alarm(
        summary=f"{metric} stays above {FULL_PERCENT} %: raise azureMl.instances.max",
        severity=Severity.WARNING,
        namespace=DEPLOYMENT_METRICS,
        metric=metric,
        above=FULL_PERCENT,
    )


def container_alarms(settings: ContainerInstancesSettings) -> dict[str, Alarm]:
    """The alarms on a container group. Azure measures neither its requests nor its answers, only what it uses."""
    full = FULL_PERCENT / 100
    return {
        "cpu": Alarm(
            summary=f"More than {FULL_PERCENT} % of containerInstances.cpu is in use",
            severity=Severity.WARNING,
            namespace=CONTAINER_METRICS,
            metric="CpuUsage",
            above=settings.cpu * 1000 * full,  # millicores
        ),
        "memory": Alarm(
            summary=f"More than {FULL_PERCENT} % of containerInstances.memoryGib is in use",
            severity=Severity.WARNING,
            namespace=CONTAINER_METRICS,
            metric="MemoryUsage",
            above=settings.memory_gib * 1024**3 * full,  # bytes
        ),
    }


Criteria = MetricAlertSingleResourceMultipleMetricCriteriaArgs | MetricAlertMultipleResourceMultipleMetricCriteriaArgs


def criteria(alarm: Alarm) -> Criteria:
    """The alarm's condition as a metric alert takes it; objects, since a choice of types takes no dictionaries.

    https://learn.microsoft.com/azure/templates/microsoft.insights/metricalerts
    """
    dimensions = [
        MetricDimensionArgs(name=name, operator=DimensionOperator.INCLUDE, values=[value])
        for name, value in alarm.dimensions.items()
    ]
    if alarm.above is None:
        return MetricAlertMultipleResourceMultipleMetricCriteriaArgs(
            odata_type="Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria",
            all_of=[_unusually_low(alarm, dimensions)],
        )
    above = MetricCriteriaArgs(
        name="condition",
        metric_namespace=alarm.namespace,
        metric_name=alarm.metric,
        time_aggregation=AggregationTypeEnum.AVERAGE,
        dimensions=dimensions,
        criterion_type=CriterionType.STATIC_THRESHOLD_CRITERION,
        operator=Operator.GREATER_THAN,
        threshold=alarm.above,
    )
    return MetricAlertSingleResourceMultipleMetricCriteriaArgs(
        odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria", all_of=[above]
    )


def _unusually_low(alarm: Alarm, dimensions: Sequence[MetricDimensionArgs]) -> DynamicMetricCriteriaArgs:
    """An hour of four windows, all of them far below what was learned.

    https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-dynamic-thresholds
    """
    return DynamicMetricCriteriaArgs(
        name="condition",
        metric_namespace=alarm.namespace,
        metric_name=alarm.metric,
        time_aggregation=AggregationTypeEnum.AVERAGE,
        dimensions=dimensions,
        criterion_type=CriterionType.DYNAMIC_THRESHOLD_CRITERION,
        operator=DynamicThresholdOperator.LESS_THAN,
        alert_sensitivity=DynamicThresholdSensitivity.LOW,
        failing_periods=DynamicThresholdFailingPeriodsArgs(
            number_of_evaluation_periods=4, min_failing_periods_to_alert=4
        ),
    )


@dataclass(frozen=True, kw_only=True)
class AlarmGroupArgs:
    """`short_name` has at most 12 characters and heads every message."""

    resource_group_name: pulumi.Input[str]
    short_name: str
    emails: Sequence[str]


class AlarmGroup(pulumi.ComponentResource):
    """Who hears of alarms."""

    id: pulumi.Output[str]

    def __init__(self, name: str, args: AlarmGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:managed:AlarmGroup", name, None, opts)
        group = azure.monitor.ActionGroup(
            name,
            resource_group_name=args.resource_group_name,
            location="Global",
            group_short_name=args.short_name[:12],
            enabled=True,
            email_receivers=[
                {"name": email, "email_address": email, "use_common_alert_schema": True} for email in args.emails
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.id = group.id
        self.register_outputs({"id": self.id})


def metric_alert(
    name: str,
    alarm: Alarm,
    *,
    scope: pulumi.Input[str],
    group_id: pulumi.Input[str] | None,
    resource_group_name: pulumi.Input[str],
    opts: pulumi.ResourceOptions | None = None,
) -> azure.monitor.MetricAlert:
    """Raise `alarm` for the resource with the ID `scope` and tell the alarm group; without one the portal shows it."""
    return azure.monitor.MetricAlert(
        name,
        resource_group_name=resource_group_name,
        location="global",
        scopes=[scope],
        description=alarm.summary,
        severity=alarm.severity.value,
        enabled=True,
        auto_mitigate=True,
        window_size=alarm.window,
        evaluation_frequency="PT5M" if alarm.above is None else "PT1M",
        criteria=criteria(alarm),
        actions=[{"action_group_id": group_id}] if group_id is not None else [],
        opts=opts,
    )
