"""The endpoints of a stack in SageMaker, and what they share."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws
from pulumi_aws.sagemaker import ModelVpcConfigArgsDict

from infra.endpoint import Endpoint, EndpointKind
from infra.managed.sagemaker.asynchronous import INPUTS, Destination, asynchronous
from infra.managed.sagemaker.bucket import EndpointBucket, EndpointBucketArgs
from infra.managed.sagemaker.context import Bucket, Hosting, PrivateNetwork, SageMakerEndpointsArgs
from infra.managed.sagemaker.endpoint import SageMakerEndpoint
from infra.managed.sagemaker.real_time import real_time
from infra.managed.sagemaker.serverless import serverless
from infra.managed.sagemaker.spec import EndpointSpec
from infra.settings.sagemaker import SageMakerSettings
from infra.settings.sagemaker_types import has_local_storage


class SageMakerEndpoints(pulumi.ComponentResource):
    """A real-time, an asynchronous and a serverless endpoint of one model, each where the settings have it."""

    endpoints: Mapping[str, Endpoint]

    def __init__(self, name: str, args: SageMakerEndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:managed:SageMakerEndpoints", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        key_arn = self._key()
        vpc = self._vpc(args.network) if args.settings.in_network and args.network else None
        self._hosting = Hosting(args=args, key_arn=key_arn, bucket=self._bucket(key_arn), vpc=vpc)
        self.endpoints = {f"{name}-{spec.kind}": self._endpoint(spec) for spec in self._specs()}
        self.register_outputs({"endpoints": [endpoint.address for endpoint in self.endpoints.values()]})

    def _specs(self) -> list[EndpointSpec]:
        settings, hosting = self._args.settings, self._hosting
        specs: list[EndpointSpec] = []
        if settings.real_time:
            specs.append(real_time(settings.real_time, hosting))
        if settings.asynchronous and hosting.bucket:
            specs.append(asynchronous(settings.asynchronous, hosting, self._destination(hosting.bucket)))
        if settings.serverless:
            specs.append(serverless(settings.serverless))
        return specs

    def _endpoint(self, spec: EndpointSpec) -> Endpoint:
        bucket = self._hosting.bucket if spec.async_inference else None
        made = SageMakerEndpoint(f"{self._name}-{spec.kind}", self._hosting, spec, self._child)
        return Endpoint(
            kind=EndpointKind.SAGEMAKER_ASYNC if bucket else EndpointKind.SAGEMAKER,
            address=made.endpoint_name,
            model=self._args.model.name,
            region=self._args.aws.region,
            inputs=bucket.uri(INPUTS) if bucket else None,
        )

    def _destination(self, bucket: Bucket) -> Destination:
        key_arn = self._hosting.key_arn
        answers, errors = (
            aws.sns.Topic(f"{self._name}-{outcome}", kms_master_key_id=key_arn, opts=self._child).arn
            for outcome in ("answers", "errors")
        )
        return Destination(bucket=bucket, key_arn=key_arn, answers=answers, errors=errors)

    def _key(self) -> pulumi.Input[str] | None:
        settings = self._args.settings
        if settings.kms_key_arn or not encrypts(settings):
            return settings.kms_key_arn
        key = aws.kms.Key(
            self._name,
            description=f"Data of the SageMaker endpoints of {self._args.name}",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            opts=self._child,
        )
        return key.arn

    def _bucket(self, key_arn: pulumi.Input[str] | None) -> Bucket | None:
        settings = self._args.settings
        if key_arn is None or not stores(settings):
            return None
        args = EndpointBucketArgs(key_arn=key_arn, keep_days=settings.keep_days, delete_data=settings.delete_data)
        return EndpointBucket(f"{self._name}-data", args, self._child).bucket

    def _vpc(self, network: PrivateNetwork) -> ModelVpcConfigArgsDict:
        name = self._name
        group = aws.ec2.SecurityGroup(
            name,
            description="SageMaker endpoints: to AWS services and nowhere else",
            vpc_id=network.vpc_id,
            opts=self._child,
        )
        # Requests come through SageMaker, so nothing may come in; model data and inputs come from S3.
        aws.vpc.SecurityGroupEgressRule(
            name,
            security_group_id=group.id,
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=self._child,
        )
        return {"security_group_ids": [group.id], "subnets": list(network.private_subnet_ids)}


def stores(settings: SageMakerSettings) -> bool:
    """Whether an endpoint keeps something in the bucket."""
    return bool(settings.asynchronous or (settings.real_time and settings.real_time.data_capture))


def encrypts(settings: SageMakerSettings) -> bool:
    """Whether there is something for a key to encrypt: the bucket, or instances' volumes."""
    on_instances = [block.instance_type for block in (settings.real_time, settings.asynchronous) if block]
    return stores(settings) or not all(has_local_storage(each) for each in on_instances)
