"""The `sagemaker` block: endpoints that SageMaker runs."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.aws import LogRetentionDays
from infra.settings.model import Bounds, Settings, unit
from infra.settings.sagemaker_rollout import RolloutSettings, Strategy
from infra.settings.sagemaker_types import InstanceType


class VariantBounds(Bounds):
    """How much of something a variant has."""

    @property
    def least(self) -> int:
        """Fewest at any hour."""
        least = self.min_outside_office_hours
        return self.min if least is None else least

    @property
    def scaled(self) -> bool:
        """Whether an autoscaler owns the number."""
        return self.max > self.least


class RealTimeInstances(VariantBounds):
    """How many instances answer; the autoscaler moves between the bounds."""

    min: Annotated[int, Field(ge=1), unit("instances")] = 1
    """Fewest instances; a real-time endpoint cannot have none."""
    max: Annotated[int, Field(ge=1), unit("instances")] = 1
    """Most instances; equal to `min` means that nothing scales."""
    min_outside_office_hours: Annotated[int | None, Field(ge=1), unit("instances")] = None
    """Fewest instances outside `officeHours`; absent means `min` around the clock."""


class AsynchronousInstances(VariantBounds):
    """How many instances work on the queue; the autoscaler moves between the bounds."""

    min: Annotated[int, Field(ge=0), unit("instances")] = 0
    """Fewest instances; at 0 the first request after a pause waits minutes for one."""
    max: Annotated[int, Field(ge=1), unit("instances")] = 1
    """Most instances."""
    min_outside_office_hours: Annotated[int | None, Field(ge=0), unit("instances")] = None
    """Fewest instances outside `officeHours`; absent means `min` around the clock."""


class ProvisionedConcurrency(VariantBounds):
    """How many requests a serverless endpoint is always warm for."""

    min: Annotated[int, Field(ge=1, le=200), unit("requests")] = 1
    """Fewest."""
    max: Annotated[int, Field(ge=1, le=200), unit("requests")] = 1
    """Most; equal to `min` means that nothing scales."""
    min_outside_office_hours: Annotated[int | None, Field(ge=1), unit("requests")] = None
    """Fewest outside `officeHours`; absent means `min` around the clock."""
    utilisation: Annotated[int, Field(ge=10, le=90), unit("percent")] = 70
    """Share of the warm concurrency in use, percent, that the autoscaler aims at."""


def _rollable(rollout: RolloutSettings, instances: VariantBounds) -> None:
    if rollout.strategy is Strategy.ROLLING and instances.least < 2:
        raise ValueError(
            f"rollout.strategy must not be rolling where there may be fewer than 2 instances, got {instances.least}; "
            "a step is at most half of them"
        )


class InstanceEndpointSettings(Settings):
    """What endpoints on instances share."""

    instance_type: InstanceType
    """SageMaker instance type, with GPU or without. SageMaker refuses another one while an autoscaler is at work:
    apply `instances` with `max` equal to `min` first."""
    in_network: bool = False
    """Put the instances' network interfaces into the private subnets of `aws.network`."""
    startup_seconds: Annotated[int, Field(ge=60, le=3600), unit("seconds")] = 600
    """Seconds from a container's start until it must be ready."""
    rollout: RolloutSettings = RolloutSettings()
    """How updates reach the endpoint."""


class InvocationScaling(Settings):
    """When instances are added to a real-time endpoint."""

    requests_per_instance: Annotated[float, Field(gt=0), unit("requests per second")]
    """Requests a second that one instance was measured to answer within the objectives."""
    utilisation: Annotated[int, Field(ge=10, le=90), unit("percent")] = 50
    """Share of that, percent, that the autoscaler aims at; the rest is for peaks while instances start."""
    scale_out_seconds: Annotated[int, Field(ge=0, le=3600), unit("seconds")] = 60
    """Seconds between two additions."""
    scale_in_seconds: Annotated[int, Field(ge=0, le=3600), unit("seconds")] = 300
    """Seconds between two removals."""


class DataCaptureSettings(Settings):
    """Requests and answers, kept in the stack's bucket."""

    percent: Annotated[int, Field(ge=1, le=100), unit("percent")] = 100
    """Share of the requests that is kept."""


class RealTimeSettings(InstanceEndpointSettings):
    """An endpoint that answers at once."""

    instances: RealTimeInstances = RealTimeInstances()
    """Bounds of the instance count."""
    autoscaling: InvocationScaling | None = None
    """The autoscaler; needed where `instances` leave it room."""
    data_capture: DataCaptureSettings | None = None
    """Requests and answers that are kept; absent keeps none."""

    @model_validator(mode="after")
    def _what_scales_knows_when(self) -> Self:
        if self.instances.scaled and not self.autoscaling:
            raise ValueError(
                "autoscaling must be given where instances may vary: set autoscaling.requestsPerInstance to what one "
                "instance was measured to answer, or instances.max to instances.min"
            )
        return self

    @model_validator(mode="after")
    def _rolling_has_something_to_roll(self) -> Self:
        _rollable(self.rollout, self.instances)
        return self


class BacklogScaling(Settings):
    """When instances are added to an asynchronous endpoint."""

    backlog_per_instance: Annotated[float, Field(gt=0), unit("requests")] = 5
    """Waiting requests for each instance that the autoscaler aims at."""
    scale_out_seconds: Annotated[int, Field(ge=0, le=3600), unit("seconds")] = 60
    """Seconds between two additions."""
    scale_in_seconds: Annotated[int, Field(ge=0, le=3600), unit("seconds")] = 600
    """Seconds between two removals."""


class AsynchronousSettings(InstanceEndpointSettings):
    """An endpoint that takes its input from S3 and puts the answer there."""

    instances: AsynchronousInstances = AsynchronousInstances()
    """Bounds of the instance count."""
    autoscaling: BacklogScaling = BacklogScaling()
    """The autoscaler."""
    max_concurrency: Annotated[int | None, Field(ge=1, le=1000), unit("requests")] = None
    """Requests that an instance works on at once; absent leaves the number to SageMaker."""

    @model_validator(mode="after")
    def _rolling_has_something_to_roll(self) -> Self:
        _rollable(self.rollout, self.instances)
        return self


MEMORY_MIB = tuple(range(1024, 6145, 1024))


def _sized(mib: int) -> int:
    if mib not in MEMORY_MIB:
        raise ValueError(f"must be one of {', '.join(map(str, MEMORY_MIB))}")
    return mib


class ServerlessSettings(Settings):
    """An endpoint without instances of its own, on CPU.

    It can be in no network, captures no data, and updates all at once: SageMaker has none of that for it
    (https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html).
    """

    memory_mib: Annotated[int, AfterValidator(_sized), unit("MiB")] = 2048
    """Memory, MiB, in steps of 1024 up to 6144; processors come in proportion."""
    max_concurrency: Annotated[int, Field(ge=1, le=200), unit("requests")] = 10
    """Requests at once; more are refused with a throttling error."""
    provisioned_concurrency: ProvisionedConcurrency | None = None
    """Requests that it is always warm for; absent means that a request after a pause waits for a cold start."""

    @model_validator(mode="after")
    def _warm_for_no_more_than_it_takes(self) -> Self:
        warm = self.provisioned_concurrency
        if warm and warm.max > self.max_concurrency:
            raise ValueError(
                f"provisionedConcurrency.max must be at most maxConcurrency, {self.max_concurrency}, got {warm.max}"
            )
        return self


class AwsImageSettings(Settings):
    """One of the serving images that AWS builds, instead of the stack's own."""

    framework: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    """Framework by its name in the SageMaker SDK, for example `pytorch` or `tensorflow`."""
    version: str
    """Version of the framework, in quotes."""
    environment: Annotated[dict[str, str], Field(default_factory=dict)]
    """Environment variables of the container; the stack's own model settings mean nothing to these images."""


class SageMakerSettings(Settings):
    """SageMaker endpoints of the stack's model; what has no block here is not there."""

    real_time: RealTimeSettings | None = None
    """An endpoint that answers at once, on instances."""
    asynchronous: AsynchronousSettings | None = None
    """An endpoint that takes its input from S3 and puts the answer there, on instances that go when it is idle."""
    serverless: ServerlessSettings | None = None
    """An endpoint without instances of its own."""
    model_data: Annotated[str, Field(pattern=r"^s3://[a-z0-9.-]{3,63}/.+\.tar\.gz$")] | None = None
    """Archive of a model repository in S3, `s3://bucket/path.tar.gz`; absent means the image's own models."""
    aws_image: AwsImageSettings | None = None
    """An image that AWS builds, instead of the stack's own; it serves `modelData`."""
    kms_key_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$")] | None = None
    """Key for volumes, topics and the bucket; absent makes one that rotates."""
    keep_days: Annotated[int, Field(ge=1), unit("days")] = 30
    """Days that the bucket keeps asynchronous inputs and answers, and captured data."""
    delete_data: bool = False
    """Whether `destroy` deletes the bucket with what it holds; false refuses."""
    log_retention_days: LogRetentionDays = 30
    """Days that the containers' logs are kept; one of the periods that CloudWatch offers."""

    @model_validator(mode="after")
    def _serves_something(self) -> Self:
        if not (self.real_time or self.asynchronous or self.serverless):
            raise ValueError("realTime must be given, or asynchronous or serverless; or remove the whole block")
        if self.aws_image and not self.model_data:
            raise ValueError("modelData must be given where awsImage is: such an image holds no model")
        return self

    @property
    def in_network(self) -> bool:
        """Whether an endpoint asks for the network of the stack."""
        return any(block.in_network for block in (self.real_time, self.asynchronous) if block)
