"""Where lines of pods are kept: a log group of CloudWatch."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.iam import policy
from infra.clusters.cluster import Identity, LogStore, ServiceAccount
from infra.clusters.eks.context import EksContext
from infra.clusters.eks.pod_role import PodRole, PodRoleArgs
from infra.namespaces.network import to_anywhere, to_pod_identity_agent
from infra.settings.aws import AwsSettings


@dataclass(frozen=True, kw_only=True)
class PodLogsArgs:
    """Lines that `account` writes are kept for `retention_days`."""

    context: EksContext
    account: ServiceAccount
    retention_days: int


class PodLogs(pulumi.ComponentResource):
    """One log group with a stream for each container, and a role that writes to it and reads nothing.

    CloudWatch encrypts it (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/data-protection.html).
    """

    store: LogStore

    def __init__(self, name: str, args: PodLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:PodLogs", name, None, opts)
        child, context, group = pulumi.ResourceOptions(parent=self), args.context, log_group(args.context.name)
        logs = aws.cloudwatch.LogGroup(name, name=group, retention_in_days=args.retention_days, opts=child)
        role_args = PodRoleArgs(
            context=context,
            namespace=args.account.namespace,
            service_account=args.account.name,
            policy=write_policy(context.aws, group),
        )
        role = PodRole(name, role_args, child)
        self.store = LogStore(
            output=output(context.aws.region, group),
            egress=[to_anywhere(443), to_pod_identity_agent()],
            identity=Identity(after=[logs, role]),
        )
        self.register_outputs({"logGroup": logs.name})


def log_group(cluster: str) -> str:
    """Its name, beside that of the control plane's."""
    return f"/aws/eks/{cluster}/pods"


def write_policy(aws: AwsSettings, group: str) -> str:
    """What Fluent Bit does there (https://docs.fluentbit.io/manual/data-pipeline/outputs/cloudwatch)."""
    arn = f"arn:{aws.partition}:logs:{aws.region}:{aws.account_id}:log-group:{group}:*"
    return policy({"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": arn})


def output(region: str, group: str) -> dict[str, str]:
    """Fluent Bit's output; a line that no container can be named for goes to a stream with its file's name."""
    container = ".".join(f"$kubernetes['{key}_name']" for key in ("namespace", "pod", "container"))
    return {
        "name": "cloudwatch_logs",
        "region": region,
        "log_group_name": group,
        "log_stream_prefix": "file.",
        "log_stream_template": container,
    }
