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
    """Tags for every cloud resource, beside the project's and the stack's own."""
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
    def _replicas_fit_the_pools(self) -> Self:
        if not (self.serving and self.eks and self.serving.gpus):
            return self
        wanted = (self.serving.replicas.max + ROLLOUT_SURGE) * self.serving.gpus
        if wanted > self.eks.gpu_slots:
            raise ValueError(
                f"serving.replicas.max must fit the GPU pools: {self.serving.replicas.max} replicas and "
                f"{ROLLOUT_SURGE} more during a rollout need {wanted} GPUs, eks.gpuPools hold {self.eks.gpu_slots}; "
                "lower it, or raise a pool's max or eks.gpuTimeSlices"
            )
        return self

    @model_validator(mode="after")
    def _gpu_servers_have_a_gpu_image(self) -> Self:
        if self.serving and self.image and self.serving.gpus and self.image.variant is not Variant.CUDA:
            raise ValueError(f"image.variant must be cuda when serving.gpus is above 0, got {self.image.variant}")
        return self
