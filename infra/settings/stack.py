"""All blocks of a stack file, and the rules that span them."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.settings.aws import AwsSettings, EksSettings
from infra.settings.image import ImageSettings, Variant
from infra.settings.model import Settings
from infra.settings.monitoring import MonitoringSettings
from infra.settings.serving import ServingSettings

ROLLOUT_SURGE = 1
"""Pods above `replicas.max` while a rollout is under way."""


class ChartSettings(Settings):
    """Where Helm charts come from."""

    mirror: str | None = None
    """Registry that holds every chart, as `oci://host/path`, for sites without internet; absent means their own."""


class StackSettings(Settings):
    """One stack. A block that is absent creates nothing."""

    tags: Annotated[dict[str, str], Field(default_factory=dict)]
    """Tags for every cloud resource, beside the project's and the stack's own. A change rolls every node group."""
    charts: ChartSettings = ChartSettings()
    """Helm chart sources."""
    aws: AwsSettings | None = None
    """AWS account and region."""
    eks: EksSettings | None = None
    """Amazon EKS cluster."""
    image: ImageSettings | None = None
    """Registry and model image."""
    serving: ServingSettings | None = None
    """Model server on every cluster of the stack."""
    monitoring: MonitoringSettings | None = None
    """Monitoring on every cluster of the stack."""

    @model_validator(mode="after")
    def _blocks_have_what_they_stand_on(self) -> Self:
        needs = {"eks": ("aws",), "image": ("aws",), "serving": ("image", "eks"), "monitoring": ("eks",)}
        for block, needed in needs.items():
            missing = [name for name in needed if getattr(self, name) is None]
            if getattr(self, block) is not None and missing:
                raise ValueError(f"{block} needs the block {missing[0]}, which is absent; add it or remove {block}")
        return self

    @model_validator(mode="after")
    def _zones_lie_in_the_region(self) -> Self:
        if not (self.aws and self.eks):
            return self
        elsewhere = [zone for zone in self.eks.network.zones if not zone.startswith(self.aws.region)]
        if elsewhere:
            raise ValueError(f"eks.network.zones must lie in aws.region {self.aws.region}, got {elsewhere[0]}")
        return self

    @model_validator(mode="after")
    def _replicas_fit_the_pools(self) -> Self:
        if not (self.serving and self.eks and self.serving.gpus):
            return self
        replicas, held = self.serving.replicas.max, self.eks.gpu_pods(self.serving.gpus)
        if replicas + ROLLOUT_SURGE > held:
            raise ValueError(
                f"serving.replicas.max must fit the GPU pools: a rollout has {ROLLOUT_SURGE} more than {replicas} "
                f"replicas, and eks.gpuPools hold {held} with {self.serving.gpus} GPUs each; "
                "lower it, or raise a pool's max or eks.gpuTimeSlices"
            )
        return self

    @model_validator(mode="after")
    def _gpu_servers_have_a_gpu_image(self) -> Self:
        if self.serving and self.image and self.serving.gpus and self.image.variant is not Variant.CUDA:
            raise ValueError(f"image.variant must be cuda when serving.gpus is above 0, got {self.image.variant}")
        return self
