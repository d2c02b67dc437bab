"""The model server as an AWS Lambda function, behind a URL that asks for a signature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws.lambda_ import FunctionImageConfigArgsDict

from inference_app.contract import ExecutionProvider
from infra.clouds.aws.iam import Role, RoleArgs, policy, trust
from infra.endpoint import Endpoint, EndpointKind
from infra.managed.aws_lambda.sizing import REPOSITORY, Size, size
from infra.managed.cloudwatch.alarm import alarms
from infra.managed.cloudwatch.aws_lambda import function_conditions, function_promises
from infra.serving.environment import server_environment
from infra.settings.aws import AwsSettings
from infra.settings.aws_lambda import CanarySettings, LambdaSettings
from infra.settings.monitoring import ObjectiveSettings
from infra.settings.served import ModelSettings

SERVICE = "lambda.amazonaws.com"
ALIAS = "live"
HANDLER: FunctionImageConfigArgsDict = {
    "entry_points": ["python", "-m", "awslambdaric"],
    "commands": ["inference_app.aws_lambda.handler"],
}
"""What replaces the image's own command (https://docs.aws.amazon.com/lambda/latest/api/API_ImageConfig.html)."""


@dataclass(frozen=True, kw_only=True)
class LambdaFunctionArgs:
    """`image` names a digest in the account's registry, `name` the stack, `alarm_actions` the ARNs that hear of alarms.

    Without objectives there are no alarms. `after` lets Lambda pull from the registry.
    """

    settings: LambdaSettings
    aws: AwsSettings
    model: ModelSettings
    objectives: ObjectiveSettings | None
    image: pulumi.Input[str]
    name: str
    alarm_actions: Sequence[pulumi.Input[str]] = ()
    after: Sequence[pulumi.Resource] = ()
    models: Path = REPOSITORY


class LambdaFunction(pulumi.ComponentResource):
    """A function, the alias that splits its requests between two versions, the alias's URL, and alarms.

    The image may have 10 GB, a request and its answer 6 MB each
    (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html); every input:
    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html.
    """

    url: pulumi.Output[str]
    endpoints: Mapping[str, Endpoint]

    def __init__(self, name: str, args: LambdaFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:managed:LambdaFunction", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        fitting = size(args.settings, args.model, args.objectives or ObjectiveSettings(), args.models)
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/lambda/{args.name}",
            retention_in_days=args.settings.log_retention_days,
            opts=self._child,
        )
        function = self._function(fitting, logs)
        alias = self._alias(function)
        self._allow_callers(function, alias)
        url = aws.lambda_.FunctionUrl(
            name, function_name=function.name, qualifier=alias.name, authorization_type="AWS_IAM", opts=self._child
        )
        self._alarms(function)
        self.url = url.function_url.apply(lambda address: address.rstrip("/"))
        endpoint = Endpoint(kind=EndpointKind.LAMBDA, address=self.url, model=args.model.name, region=args.aws.region)
        self.endpoints = {name: endpoint}
        self.register_outputs({"url": self.url})

    def _function(self, fitting: Size, logs: aws.cloudwatch.LogGroup) -> aws.lambda_.Function:
        settings, role = self._args.settings, self._role(logs)
        return aws.lambda_.Function(
            self._name,
            package_type="Image",
            image_uri=self._args.image,
            image_config=HANDLER,
            architectures=["x86_64"],
            role=role.arn,
            environment={"variables": server_environment(self._args.model, ExecutionProvider.CPU)},
            memory_size=fitting.memory_mib,
            timeout=fitting.timeout_seconds,
            ephemeral_storage={"size": settings.ephemeral_storage_mib},
            reserved_concurrent_executions=settings.reserved_concurrency,
            logging_config={"log_format": "JSON", "log_group": logs.name, "system_log_level": "WARN"},
            tracing_config={"mode": "Active" if settings.tracing else "PassThrough"},
            # Every change is a version of its own, so that the one before it can stay or come back.
            publish=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role, *self._args.after]),
        )

    def _role(self, logs: aws.cloudwatch.LogGroup) -> Role:
        tracing = self._args.settings.tracing
        document = logs.arn.apply(lambda arn: role_policy(arn, tracing=tracing))
        args = RoleArgs(partition=self._args.aws.partition, trust_policy=trust(SERVICE), policy=document)
        return Role(self._name, args, self._child)

    def _alias(self, function: aws.lambda_.Function) -> aws.lambda_.Alias:
        canary, provisioned = self._args.settings.canary, self._args.settings.provisioned_concurrency
        weights = function.version.apply(lambda newest: additional_weights(newest, canary))
        alias = aws.lambda_.Alias(
            self._name,
            name=ALIAS,
            function_name=function.name,
            function_version=canary.stable if canary else function.version,
            routing_config={"additional_version_weights": weights} if canary else None,
            opts=self._child,
        )
        if provisioned:
            aws.lambda_.ProvisionedConcurrencyConfig(
                self._name,
                function_name=function.name,
                qualifier=alias.name,
                provisioned_concurrent_executions=provisioned,
                opts=self._child,
            )
        return alias

    def _alarms(self, function: aws.lambda_.Function) -> None:
        args = self._args
        if args.objectives:
            promises = function_promises(args.objectives, function.name)
            conditions = function_conditions(function.name, args.settings.reserved_concurrency)
            alarms(self._name, [*promises, *conditions], args.alarm_actions, self._child)

    def _allow_callers(self, function: aws.lambda_.Function, alias: aws.lambda_.Alias) -> None:
        """A URL needs two permissions (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html)."""
        for caller in self._args.settings.callers:
            # All that tells two principals apart: account, kind, path and name.
            short = f"{self._name}-{caller.partition('::')[2]}"
            shared: dict[str, Any] = {"function": function.name, "qualifier": alias.name, "principal": caller}
            aws.lambda_.Permission(
                f"{short}-url",
                action="lambda:InvokeFunctionUrl",
                function_url_auth_type="AWS_IAM",
                **shared,
                opts=self._child,
            )
            aws.lambda_.Permission(
                f"{short}-function",
                action="lambda:InvokeFunction",
                invoked_via_function_url=True,
                **shared,
                opts=self._child,
            )


def additional_weights(newest: str, canary: CanarySettings | None) -> dict[str, float]:
    """The newest version's share, 0 to 1, beside the alias's own version; none where they are the same.

    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """
    if not canary or not canary.percent or newest == canary.stable:
        return {}
    return {newest: canary.percent / 100}


def role_policy(log_group_arn: str, *, tracing: bool) -> str:
    """What the function itself may do: write its log and, where it is traced, its traces.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
    """
    log = {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": f"{log_group_arn}:*"}
    trace = {"Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "Resource": "*"}
    return policy(log, trace) if tracing else policy(log)


def image_pull_statement(settings: AwsSettings) -> Mapping[str, Any]:
    """What a registry's policy says for functions of the same account and region to get their image.

    https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#gettingstarted-images-permissions
    """
    functions = f"arn:{settings.partition}:lambda:{settings.region}:{settings.account_id}:function:*"
    return {
        "Sid": "LambdaPullsImages",
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "Condition": {"ArnLike": {"aws:SourceArn": functions}},
    }
