"""What tells one kind of endpoint from the others."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws.sagemaker import (
    EndpointConfigurationAsyncInferenceConfigArgsDict,
    EndpointConfigurationDataCaptureConfigArgsDict,
    EndpointConfigurationProductionVariantArgsDict,
)

from infra.managed.sagemaker.autoscaling import Scaling
from infra.settings.sagemaker import InstanceEndpointSettings
from infra.settings.sagemaker_rollout import RolloutSettings
from infra.settings.sagemaker_types import GPU_TYPES, has_local_storage

GPU_AMI = "al2023-ami-sagemaker-inference-gpu-4-1"
"""The machine image with driver 580, which the CUDA 13 of our image needs; the default one is older
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html)."""


@dataclass(frozen=True, kw_only=True)
class EndpointSpec:
    """One endpoint: `hardware` is an instance type, `reads` and `writes` are prefixes of the bucket.

    `instances` is their number where nothing scales it; `interactive` says that somebody waits for each answer.
    """

    kind: str
    hardware: str
    variant: EndpointConfigurationProductionVariantArgsDict
    rollout: RolloutSettings | None = None
    scaling: Scaling | None = None
    instances: int | None = None
    data_capture: EndpointConfigurationDataCaptureConfigArgsDict | None = None
    async_inference: EndpointConfigurationAsyncInferenceConfigArgsDict | None = None
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()
    topic_arns: Sequence[pulumi.Input[str]] = ()
    in_network: bool = False
    interactive: bool = True

    @property
    def serverless(self) -> bool:
        """Whether it has no instances of its own."""
        return "serverless_config" in self.variant

    @property
    def has_volumes(self) -> bool:
        """Whether its instances have volumes, which a key of ours encrypts."""
        return not (self.serverless or has_local_storage(self.hardware))

    @property
    def uses_bucket(self) -> bool:
        """Whether it reads or writes the bucket."""
        return bool(self.reads or self.writes)

    @property
    def scaled(self) -> Scaling | None:
        """How it scales, where it has room to."""
        return self.scaling if self.scaling and self.scaling.bounds.scaled else None


def instance_variant(settings: InstanceEndpointSettings, count: int) -> EndpointConfigurationProductionVariantArgsDict:
    """A variant that begins with `count` instances."""
    variant: EndpointConfigurationProductionVariantArgsDict = {
        "instance_type": settings.instance_type,
        "initial_instance_count": count,
        "initial_variant_weight": 1.0,
        "container_startup_health_check_timeout_in_seconds": settings.startup_seconds,
    }
    return {**variant, "inference_ami_version": GPU_AMI} if settings.instance_type in GPU_TYPES else variant
