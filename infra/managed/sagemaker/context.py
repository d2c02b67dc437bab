"""What the endpoints of a stack in SageMaker share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi
from pulumi_aws.sagemaker import ModelVpcConfigArgsDict

from infra.settings.aws import AwsSettings
from infra.settings.monitoring import ObjectiveSettings
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.sagemaker import SageMakerSettings
from infra.settings.served import ModelSettings

VARIANT = "AllTraffic"
"""The one variant of every endpoint; a guarded update needs the name that it had before
(https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html)."""


class PrivateNetwork(Protocol):
    """A VPC with subnets that reach AWS."""

    @property
    def vpc_id(self) -> pulumi.Output[str]:
        """Its id."""
        ...

    @property
    def private_subnet_ids(self) -> Sequence[pulumi.Output[str]]:
        """Subnets without a way in from the internet."""
        ...


@dataclass(frozen=True, kw_only=True)
class SageMakerEndpointsArgs:
    """`name` is the stack's, `repository` the ECR repository's that `image` lies in; `alarm_actions` are ARNs."""

    settings: SageMakerSettings
    aws: AwsSettings
    model: ModelSettings
    image: pulumi.Input[str]
    repository: str
    name: str
    network: PrivateNetwork | None = None
    office_hours: OfficeHoursSettings | None = None
    objectives: ObjectiveSettings | None = None
    alarm_actions: Sequence[pulumi.Input[str]] = ()


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The bucket of captured data and asynchronous requests."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def uri(self, prefix: str) -> pulumi.Output[str]:
        """`s3://bucket/prefix`."""
        return pulumi.Output.concat("s3://", self.name, "/", prefix)


@dataclass(frozen=True, kw_only=True)
class Hosting:
    """The stack's part, and the resources that all endpoints share; None is what none of them needs."""

    args: SageMakerEndpointsArgs
    key_arn: pulumi.Input[str] | None
    bucket: Bucket | None
    vpc: ModelVpcConfigArgsDict | None

    def endpoint_name(self, kind: str) -> str:
        """The name of the endpoint of that kind, the same for good."""
        return f"{self.args.name}-{kind}"
