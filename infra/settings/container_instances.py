"""The `containerInstances` block."""

from typing import Annotated

from pydantic import Field

from infra.settings.model import Settings, unit


class ContainerInstancesSettings(Settings):
    """One server on CPU in Azure Container Instances, for development: no GPU, no autoscaling, one container."""

    # Regional limits: https://learn.microsoft.com/azure/container-instances/container-instances-resource-and-quota-limits
    cpu: Annotated[float, Field(ge=0.5, le=31), unit("cores")] = 1
    """Cores; above 4 not every region has them."""
    memory_gib: Annotated[float, Field(ge=0.5, le=240), unit("GiB")] = 2
    """Memory, GiB; above 16 not every region has it."""
    log_retention_days: Annotated[int, Field(ge=30, le=730), unit("days")] = 30
    """Days that the container's logs are kept."""
