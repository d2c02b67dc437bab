"""All blocks of a stack file, and the rules that span them."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.settings.aws import AwsSettings
from infra.settings.azure import AzureSettings
from infra.settings.eks import EksSettings
from infra.settings.image import ImageSettings, Variant
from infra.settings.model import Settings
from infra.settings.monitoring import MonitoringSettings
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings

ROLLOUT_SURGE = 1
"""Pods above `replicas.max` while a rollout is under way."""

NEEDS: dict[str, tuple[str, ...]] = {
    "eks": ("aws", "aws.network"),
    "image": ("aws",),
    "serving": ("model", "image", "eks"),
    "monitoring": ("eks",),
}
"""What each block stands on; of several names joined by `|` one is enough."""


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
    office_hours: OfficeHoursSettings | None = None
    """When people are there; outside it targets fall to their `minOutsideOfficeHours`."""
    aws: AwsSettings | None = None
    """AWS account, region and network."""
    azure: AzureSettings | None = None
    """Azure subscription, location and network."""
    eks: EksSettings | None = None
    """Amazon EKS cluster."""
    image: ImageSettings | None = None
    """Registry and model image."""
    model: ModelSettings | None = None
    """What is served, on every target alike."""
    serving: ServingSettings | None = None
    """Model server on every cluster of the stack."""
    monitoring: MonitoringSettings | None = None
    """Monitoring on every cluster of the stack, and alarms for its managed endpoints."""

    @model_validator(mode="after")
    def _blocks_have_what_they_stand_on(self) -> Self:
        for block, needed in NEEDS.items():
            missing = [names for names in needed if not any(self._has(name) for name in names.split("|"))]
            if self._has(block) and missing:
                wanted = missing[0].replace("|", " or ")
                raise ValueError(f"{block} needs the block {wanted}, which is absent; add it or remove {block}")
        return self

    def _has(self, name: str) -> bool:
        block, _, part = name.partition(".")
        found = getattr(self, block)
        return found is not None and (not part or getattr(found, part) is not None)

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
