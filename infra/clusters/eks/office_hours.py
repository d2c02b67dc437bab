"""Office hours of a managed node group: its size in and outside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.iam import Role, RoleArgs, policy
from infra.clusters.eks.context import EksContext
from infra.clusters.eks.node_groups import scaling
from infra.schedules import aws_cron
from infra.settings.office_hours import OfficeHoursSettings


@dataclass(frozen=True, kw_only=True)
class OfficeHoursArgs:
    """`size` is the number of nodes in office hours, `size_outside` the one at all other times."""

    context: EksContext
    hours: OfficeHoursSettings
    group: aws.eks.NodeGroup
    size: int
    size_outside: int


class OfficeHours(pulumi.ComponentResource):
    """Two schedules of EventBridge Scheduler that call EKS, and a role that may resize this one group.

    They fire on office days only, so the size of an evening lasts until the next office day's morning. A group is made
    with its size in office hours, whenever that is, and a changed size takes effect at the next start or end.
    """

    def __init__(self, name: str, args: OfficeHoursArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:OfficeHours", name, None, opts)
        self._name, self._args = name, args
        self._role = self._scheduler_role()
        start, end = args.hours.bounds
        made = [self._schedule("start", start, args.size), self._schedule("end", end, args.size_outside)]
        self.register_outputs({"schedules": [schedule.name for schedule in made]})

    def _schedule(self, edge: str, at: time, size: int) -> aws.scheduler.Schedule:
        context, hours = self._args.context, self._args.hours
        return aws.scheduler.Schedule(
            f"{self._name}-{edge}",
            schedule_expression=aws_cron(at, hours.days),
            schedule_expression_timezone=hours.time_zone,
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": f"arn:{context.aws.partition}:scheduler:::aws-sdk:eks:updateNodegroupConfig",
                "role_arn": self._role.arn,
                "input": pulumi.Output.json_dumps(
                    request(context.created_name, self._args.group.node_group_name, size)
                ),
                # EKS refuses while it rolls the group. No dead-letter queue: hours later the next schedule sets the
                # size anew, and Scheduler's metric TargetErrorCount tells of what failed.
                "retry_policy": {"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 30},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._role]),
        )

    def _scheduler_role(self) -> Role:
        settings = self._args.context.aws
        args = RoleArgs(
            partition=settings.partition,
            trust_policy=scheduler_trust(settings.account_id),
            policy=self._args.group.arn.apply(resize_policy),
        )
        return Role(self._name, args, pulumi.ResourceOptions(parent=self))


def request(cluster: pulumi.Input[str], group: pulumi.Input[str], size: int) -> Mapping[str, object]:
    """UpdateNodegroupConfig as a universal target takes it: names begin with a capital, unlike in EKS's own API.

    Scheduler checks them when the schedule is made and refuses EKS's own spelling: "Request payload is missing the
    following field(s): ClusterName, NodegroupName".
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
    https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdateNodegroupConfig.html
    """
    sizes = scaling(size)
    return {
        "ClusterName": cluster,
        "NodegroupName": group,
        "ScalingConfig": {
            "MinSize": sizes["min_size"],
            "MaxSize": sizes["max_size"],
            "DesiredSize": sizes["desired_size"],
        },
    }


def resize_policy(group_arn: str) -> str:
    """What a schedule may do."""
    return policy({"Action": "eks:UpdateNodegroupConfig", "Resource": group_arn})


def scheduler_trust(account_id: str) -> str:
    """Scheduler takes the role for schedules of this account only.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    own = {"StringEquals": {"aws:SourceAccount": account_id}}
    return policy({"Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": own})
