"""The autoscaler of a variant, and its office hours."""

from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_aws as aws
from pulumi_aws.appautoscaling import (
    PolicyStepScalingPolicyConfigurationArgsDict,
    PolicyTargetTrackingScalingPolicyConfigurationArgsDict,
)

from infra.managed.sagemaker.context import VARIANT
from infra.schedules import aws_cron
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.sagemaker import VariantBounds

NAMESPACE = "sagemaker"


class Dimension(StrEnum):
    """What there is more or less of (https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ScalableTarget.html)."""

    INSTANCES = "sagemaker:variant:DesiredInstanceCount"
    PROVISIONED_CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How much there may be of what, and what the autoscaler follows."""

    bounds: VariantBounds
    tracking: PolicyTargetTrackingScalingPolicyConfigurationArgsDict
    dimension: Dimension = Dimension.INSTANCES


@dataclass(frozen=True, kw_only=True)
class VariantAutoscalingArgs:
    """`endpoint` is the name of one that exists once `after` does."""

    endpoint: str
    after: pulumi.Resource
    scaling: Scaling
    office_hours: OfficeHoursSettings | None


class VariantAutoscaling(pulumi.ComponentResource):
    """A target that follows a metric; its least follows office hours, and from none a request in the queue wakes it.

    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html
    """

    def __init__(self, name: str, args: VariantAutoscalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:managed:VariantAutoscaling", name, None, opts)
        bounds = args.scaling.bounds
        self._args = args
        target = aws.appautoscaling.Target(
            name,
            service_namespace=NAMESPACE,
            resource_id=f"endpoint/{args.endpoint}/variant/{VARIANT}",
            scalable_dimension=args.scaling.dimension.value,
            min_capacity=bounds.min,
            max_capacity=bounds.max,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.after]),
        )
        aws.appautoscaling.Policy(
            name,
            service_namespace=target.service_namespace,
            resource_id=target.resource_id,
            scalable_dimension=target.scalable_dimension,
            policy_type="TargetTrackingScaling",
            target_tracking_scaling_policy_configuration=args.scaling.tracking,
            opts=pulumi.ResourceOptions(parent=self),
        )
        if bounds.least == 0:
            self._wake(f"{name}-from-zero", target)
        if args.office_hours and bounds.min_outside_office_hours is not None:
            self._office_hours(name, target, args.office_hours, bounds.min_outside_office_hours)
        self.register_outputs({"resourceId": target.resource_id})

    def _wake(self, name: str, target: aws.appautoscaling.Target) -> None:
        policy = aws.appautoscaling.Policy(
            name,
            service_namespace=target.service_namespace,
            resource_id=target.resource_id,
            scalable_dimension=target.scalable_dimension,
            policy_type="StepScaling",
            step_scaling_policy_configuration=one_more(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.MetricAlarm(
            name,
            alarm_description="Requests wait, and there is no instance to answer them",
            namespace="AWS/SageMaker",
            metric_name="HasBacklogWithoutCapacity",
            dimensions={"EndpointName": self._args.endpoint},
            statistic="Average",
            period=60,
            evaluation_periods=2,
            datapoints_to_alarm=2,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            treat_missing_data="missing",
            alarm_actions=[policy.arn],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _office_hours(
        self, name: str, target: aws.appautoscaling.Target, hours: OfficeHoursSettings, least: int
    ) -> None:
        start, end = hours.bounds
        for when, at, minimum in (("start", start, self._args.scaling.bounds.min), ("end", end, least)):
            aws.appautoscaling.ScheduledAction(
                f"{name}-{when}",
                service_namespace=target.service_namespace,
                resource_id=target.resource_id,
                scalable_dimension=target.scalable_dimension,
                schedule=aws_cron(at, hours.days),
                timezone=hours.time_zone,
                scalable_target_action={"min_capacity": minimum},
                opts=pulumi.ResourceOptions(parent=self),
            )


def one_more() -> PolicyStepScalingPolicyConfigurationArgsDict:
    """One instance where there was none (https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html#async-inference-autoscale-scale-up)."""
    return {
        "adjustment_type": "ChangeInCapacity",
        "metric_aggregation_type": "Average",
        "cooldown": 300,
        "step_adjustments": [{"metric_interval_lower_bound": "0", "scaling_adjustment": 1}],
    }
