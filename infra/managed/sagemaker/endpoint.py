"""One endpoint: role, logs, model, configuration, alarms, the endpoint itself and its autoscaler."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws_native import sagemaker

from infra.clouds.aws.iam import Role, RoleArgs, trust
from infra.managed.cloudwatch.alarm import alarms
from infra.managed.cloudwatch.sagemaker import variant_conditions, variant_promises
from infra.managed.sagemaker.autoscaling import VariantAutoscaling, VariantAutoscalingArgs
from infra.managed.sagemaker.container import container
from infra.managed.sagemaker.context import VARIANT, Hosting
from infra.managed.sagemaker.live_check import live_check
from infra.managed.sagemaker.role import SERVICE, Access, execution_policy, log_group, repository_arn
from infra.managed.sagemaker.rollout import deployment
from infra.managed.sagemaker.spec import EndpointSpec
from infra.settings.sagemaker_types import GPU_TYPES


class SageMakerEndpoint(pulumi.ComponentResource):
    """An endpoint with one variant, under a name that never changes."""

    endpoint_name: str

    def __init__(
        self, name: str, hosting: Hosting, spec: EndpointSpec, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inference:managed:SageMakerEndpoint", name, None, opts)
        self._name, self._hosting, self._spec = name, hosting, spec
        self._child = pulumi.ResourceOptions(parent=self)
        self._container = container(hosting.args, spec.hardware)
        self._image = pulumi.Output.from_input(self._container.get("image")).apply(str)
        # By a name that is known before it exists: alarms that guard an update are there before the endpoint.
        self.endpoint_name = hosting.endpoint_name(spec.kind)
        logs = aws.cloudwatch.LogGroup(
            name,
            name=log_group(self.endpoint_name),
            retention_in_days=hosting.args.settings.log_retention_days,
            opts=self._child,
        )
        endpoint = self._endpoint(self._configuration(self._model(self._role())), self._alarms(), logs)
        if spec.scaled:
            scaling_args = VariantAutoscalingArgs(
                endpoint=self.endpoint_name,
                after=endpoint,
                scaling=spec.scaled,
                office_hours=hosting.args.office_hours,
            )
            VariantAutoscaling(name, scaling_args, self._child)
        self.register_outputs({"endpointName": self.endpoint_name})

    def _role(self) -> Role:
        args, spec, bucket = self._hosting.args, self._spec, self._hosting.bucket
        needed = pulumi.Output.all(
            image=self._image,
            key_arn=self._hosting.key_arn if spec.has_volumes or spec.uses_bucket else None,
            bucket_arn=bucket.arn if bucket and spec.uses_bucket else None,
            topic_arns=list(spec.topic_arns),
        )

        def document(found: dict[str, Any]) -> str:
            access = Access(
                endpoint=self.endpoint_name,
                repository_arn=repository_arn(args.aws, found["image"], args.repository),
                key_arn=found["key_arn"],
                bucket_arn=found["bucket_arn"],
                reads=spec.reads,
                writes=spec.writes,
                topic_arns=found["topic_arns"],
                model_data=args.settings.model_data,
                in_network=spec.in_network,
            )
            return execution_policy(args.aws, access)

        role_args = RoleArgs(partition=args.aws.partition, trust_policy=trust(SERVICE), policy=needed.apply(document))
        return Role(self._name, role_args, self._child)

    def _model(self, role: Role) -> aws.sagemaker.Model:
        """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html"""
        return aws.sagemaker.Model(
            self._name,
            execution_role_arn=role.arn,
            primary_container=self._container,
            # SageMaker brings requests and model data into the container, which itself asks for nothing.
            enable_network_isolation=not self._spec.serverless,
            vpc_config=self._hosting.vpc if self._spec.in_network else None,
            opts=self._kept(role),
        )

    def _configuration(self, model: aws.sagemaker.Model) -> aws.sagemaker.EndpointConfiguration:
        """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html"""
        spec = self._spec
        return aws.sagemaker.EndpointConfiguration(
            self._name,
            production_variants=[{**spec.variant, "variant_name": VARIANT, "model_name": model.name}],
            async_inference_config=spec.async_inference,
            data_capture_config=spec.data_capture,
            kms_key_arn=self._hosting.key_arn if spec.has_volumes else None,
            opts=self._kept(),
        )

    def _kept(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        # An endpoint that SageMaker took back to its old configuration cannot grow or restart once that is deleted
        # (https://github.com/hashicorp/terraform-provider-aws/pull/49020). What stays behind costs nothing.
        return pulumi.ResourceOptions(parent=self, depends_on=after, retain_on_delete=True)

    def _alarms(self) -> Sequence[aws.cloudwatch.MetricAlarm]:
        """Make the alarms; return those that take an update back."""
        args = self._hosting.args
        if not args.objectives:
            return []
        conditions = variant_conditions(self.endpoint_name, VARIANT, gpus=GPU_TYPES.get(self._spec.hardware, 0))
        alarms(self._name, conditions, args.alarm_actions, self._child)
        promises = variant_promises(args.objectives, self.endpoint_name, VARIANT)
        if not self._spec.interactive:
            promises = [promise for promise in promises if promise.name != "latency"]
        return alarms(self._name, promises, args.alarm_actions, self._child)

    def _endpoint(
        self,
        config: aws.sagemaker.EndpointConfiguration,
        guards: Sequence[aws.cloudwatch.MetricAlarm],
        logs: aws.cloudwatch.LogGroup,
    ) -> sagemaker.Endpoint:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-endpoint.html"""
        spec = self._spec
        # The autoscaler's number outlives an update; what is captured is the configuration's to say.
        keeps = bool(spec.scaled) and not spec.serverless
        checked = live_check(
            self._name,
            endpoint=self.endpoint_name,
            region=self._hosting.args.aws.region,
            image=self._image,
            instances=spec.instances,
        )
        return sagemaker.Endpoint(
            self._name,
            endpoint_name=self.endpoint_name,
            endpoint_config_name=config.name,
            deployment_config=deployment(spec.rollout, [alarm.name for alarm in guards]) if spec.rollout else None,
            retain_all_variant_properties=True if keeps else None,
            exclude_retained_variant_properties=[{"variant_property_type": "DataCaptureConfig"}] if keeps else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs], hooks=checked),
        )
