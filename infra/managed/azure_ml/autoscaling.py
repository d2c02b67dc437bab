"""When a deployment's instances are added and removed."""

from collections.abc import Sequence

import pulumi
from pulumi_azure_native.monitor import (
    AutoscaleProfileArgsDict,
    ComparisonOperationType,
    MetricStatisticType,
    ScaleDirection,
    ScaleRuleArgsDict,
    ScaleType,
    TimeAggregationType,
)

from infra.settings.azure_ml import AzureMlSettings, InstanceSettings

CPU, GPU = "CpuUtilizationPercentage", "GpuUtilizationPercentage"


def utilisation_metrics(settings: AzureMlSettings) -> Sequence[str]:
    """What a deployment is scaled by, in percent: its processors, and its GPUs where it has them.

    https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-deployments-metrics
    """
    return (GPU, CPU) if settings.has_gpu else (CPU,)


def profile(settings: AzureMlSettings, deployment_id: pulumi.Input[str]) -> AutoscaleProfileArgsDict:
    """One instance more when any metric is above the target, one less when all are well below it.

    https://learn.microsoft.com/azure/azure-monitor/autoscale/autoscale-understanding-settings#autoscale-evaluation
    """
    bounds, target = settings.instances, settings.target_utilisation
    more, less = ComparisonOperationType.GREATER_THAN, ComparisonOperationType.LESS_THAN
    rules = [
        rule
        for metric in utilisation_metrics(settings)
        for rule in (
            _rule(deployment_id, metric, more, target, ScaleDirection.INCREASE),
            _rule(deployment_id, metric, less, scale_in_below(target, bounds), ScaleDirection.DECREASE),
        )
    ]
    return {
        "name": "utilisation",
        "capacity": {"minimum": str(bounds.min), "maximum": str(bounds.max), "default": str(bounds.min)},
        "rules": rules,
    }


def scale_in_below(target: int, bounds: InstanceSettings) -> int:
    """Percent of use below which one instance fewer still stays at the target, however many there are.

    The load of n instances at u percent is u x n / (n - 1) on one fewer, and that is most where n is least.
    """
    return target * bounds.min // (bounds.min + 1)


def _rule(
    deployment_id: pulumi.Input[str],
    metric: str,
    operator: ComparisonOperationType,
    threshold: float,
    direction: ScaleDirection,
) -> ScaleRuleArgsDict:
    return {
        "metric_trigger": {
            "metric_resource_uri": deployment_id,
            "metric_name": metric,
            "statistic": MetricStatisticType.AVERAGE,
            "time_aggregation": TimeAggregationType.AVERAGE,
            "time_grain": "PT1M",
            "time_window": "PT5M",
            "operator": operator,
            "threshold": threshold,
        },
        # Longer than an instance takes to come and to show in the average.
        "scale_action": {
            "direction": direction,
            "type": ScaleType.CHANGE_COUNT,
            "value": "1",
            "cooldown": "PT5M" if direction is ScaleDirection.INCREASE else "PT15M",
        },
    }
