"""The `aks` block."""

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.compatibility.hardware import because
from infra.settings.access import GroupName
from infra.settings.azure import Uuid
from infra.settings.clusters import (
    Capacity,
    CloudClusterSettings,
    PoolSettings,
    PublicAccessCidrs,
    ServiceAccountName,
    gpu_pods,
)
from infra.settings.instance_types import GpuInstanceType
from infra.settings.model import Settings, distinct, unit

UP_TO_ON_DEMAND_PRICE = -1.0
"""What Azure takes as a maximum price for "never more than on demand"."""

# https://learn.microsoft.com/azure/virtual-machines/sizes/overview, the NC family without what
# infra/compatibility/table.yaml refuses.
AZURE_VM_SIZES: Mapping[str, GpuInstanceType] = {
    "Standard_NC4as_T4_v3": GpuInstanceType("T4", 1, 16),
    "Standard_NC8as_T4_v3": GpuInstanceType("T4", 1, 16),
    "Standard_NC16as_T4_v3": GpuInstanceType("T4", 1, 16),
    "Standard_NC64as_T4_v3": GpuInstanceType("T4", 4, 16),
    "Standard_NC24ads_A100_v4": GpuInstanceType("A100", 1, 80),
    "Standard_NC48ads_A100_v4": GpuInstanceType("A100", 2, 80),
    "Standard_NC96ads_A100_v4": GpuInstanceType("A100", 4, 80),
    "Standard_NC40ads_H100_v5": GpuInstanceType("H100", 1, 94),
    "Standard_NC80adis_H100_v5": GpuInstanceType("H100", 2, 94),
}


class Tier(StrEnum):
    """How the control plane is paid for (https://learn.microsoft.com/azure/aks/free-standard-pricing-tiers)."""

    FREE = "free"
    STANDARD = "standard"


class AksSystemPoolSettings(Settings):
    """The nodes without GPU that run controllers and monitoring."""

    vm_size: Annotated[str, Field(pattern=r"^Standard_[A-Za-z0-9_]+$")] = "Standard_D4as_v5"
    """VM size, x86-64, with 4 vCPUs at least; AKS's own pods keep one more node of the size at the cluster's birth."""
    nodes: Annotated[int, Field(ge=1), unit("nodes")] = 2
    """Number of nodes beside that one."""
    disk_gib: Annotated[int, Field(ge=30), unit("GiB")] = 64
    """OS disk per node, GiB."""


def _gpu_vm_size(size: str) -> str:
    if size not in AZURE_VM_SIZES:
        raise ValueError(f"must be a known GPU size: {', '.join(AZURE_VM_SIZES)}{because([size])}")
    return size


def _price(price: float) -> float:
    if price <= 0 and price != UP_TO_ON_DEMAND_PRICE:
        raise ValueError("must be above 0, or -1 for up to the on-demand price")
    return price


class AksGpuPoolSettings(PoolSettings):
    """GPU nodes of one VM size and kind of capacity, grown and shrunk by AKS's cluster autoscaler."""

    vm_size: Annotated[str, AfterValidator(_gpu_vm_size)]
    """GPU VM size."""
    max_price: Annotated[float, AfterValidator(_price), unit("USD per hour")] = UP_TO_ON_DEMAND_PRICE
    """Most that a spot node may cost; -1 means up to the on-demand price, so that price alone never takes a node."""
    azure_ml: bool = False
    """Keep the nodes for Azure ML's servers (`azureMl.compute: aks`); the capacity must then be on-demand."""

    @model_validator(mode="after")
    def _only_spot_has_a_price(self) -> Self:
        if self.capacity is not Capacity.SPOT and self.max_price != UP_TO_ON_DEMAND_PRICE:
            raise ValueError(f"maxPrice must be left out of an on-demand pool, got {self.max_price:g}")
        return self

    @model_validator(mode="after")
    def _azure_ml_tolerates_no_spot_node(self) -> Self:
        if self.azure_ml and self.capacity is not Capacity.ON_DEMAND:
            raise ValueError(
                f"capacity must be on-demand where azureMl is true, got {self.capacity}; Azure ML's pods tolerate no "
                "spot node"
            )
        return self

    @model_validator(mode="after")
    def _nodes_follow_pods(self) -> Self:
        if self.min_outside_office_hours is not None:
            raise ValueError(
                f"minOutsideOfficeHours must be left out on AKS, got {self.min_outside_office_hours}; nodes follow "
                "their pods, so lower min and set serving.replicas.minOutsideOfficeHours"
            )
        return self

    @property
    def gpus_per_node(self) -> int:
        """The GPUs of the VM size."""
        return AZURE_VM_SIZES[self.vm_size].count


class KeyVaultSettings(Settings):
    """A key vault for the secrets of the cluster's pods; `serving.secrets` come from it."""

    readers: Annotated[tuple[ServiceAccountName, ...], AfterValidator(distinct)] = ()
    """Further service accounts that may read every secret, as `namespace/name`; `up` prints the client ID for each."""
    public_access_cidrs: PublicAccessCidrs = ()
    """Address ranges, beside the nodes, that may reach the vault; whoever fills it needs one, and a role of Azure."""


# 12 characters are AKS's limit (https://learn.microsoft.com/azure/aks/create-node-pools#limitations), and the last 4
# tell a pool from its successor.
PoolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,7}$")]


def _holds_nodes(cidr: IPv4Network) -> IPv4Network:
    if cidr.prefixlen > 20:
        raise ValueError("must be /20 or larger: every node takes a /24 of it")
    return cidr


def _holds_services(cidr: IPv4Network) -> IPv4Network:
    # https://learn.microsoft.com/azure/aks/configure-azure-cni#deployment-parameters
    if not 12 < cidr.prefixlen <= 24:
        raise ValueError("must be between /13 and /24")
    return cidr


# A stack file holds networks as text, which these defaults no longer are.
_GIVEN = Field(validate_default=False)


class AksSettings(CloudClusterSettings):
    """An AKS cluster with a system pool and GPU pools."""

    administrators: Annotated[tuple[Uuid, ...], Field(min_length=1), AfterValidator(distinct)]
    """Object IDs of Entra groups with full rights in the cluster; whoever runs `up` must be in one of them."""
    groups: Annotated[dict[GroupName, Uuid], Field(default_factory=dict)]
    """Object IDs of Entra groups by the names that `serving.access` has for them."""
    tier: Tier = Tier.FREE
    """`free`, or `standard` with an uptime guarantee for the Kubernetes API."""
    zones: Annotated[tuple[Annotated[str, Field(pattern=r"^[1-3]$")], ...], AfterValidator(distinct)] = ()
    """Availability zones of all nodes, as `["1", "2"]`, each of which must offer the VM sizes; empty: Azure chooses."""
    system_pool: AksSystemPoolSettings = AksSystemPoolSettings()
    """Nodes for controllers and monitoring."""
    gpu_pools: Annotated[dict[PoolName, AksGpuPoolSettings], Field(min_length=1)]
    """GPU pools by name: 1 to 8 lower-case letters and digits."""
    local_accounts: bool = False
    """Keep Azure's administrator account beside the Entra identities. Leave it off but for `azureMl.compute: aks`."""
    key_vault: KeyVaultSettings | None = None
    """Secrets for pods; absent means no vault."""
    pod_cidr: Annotated[IPv4Network, AfterValidator(_holds_nodes), _GIVEN] = IPv4Network("10.244.0.0/16")
    """Addresses of pods, inside the cluster only; must not overlap `azure.network.cidr` or networks peered with it."""
    service_cidr: Annotated[IPv4Network, AfterValidator(_holds_services), _GIVEN] = IPv4Network("10.245.0.0/20")
    """Addresses of Services, inside the cluster only; must not overlap the pods' or the networks'."""
    log_retention_days: Annotated[int, Field(ge=30, le=730), unit("days")] = 30
    """Days that control plane logs are kept in Log Analytics."""
    deletion_protection: bool = False
    """Refuse to delete the cluster until this is set to false and applied; and to purge the key vault, for good."""

    @model_validator(mode="after")
    def _services_are_no_pods(self) -> Self:
        if self.service_cidr.overlaps(self.pod_cidr):
            raise ValueError(f"serviceCidr must not overlap podCidr, {self.pod_cidr}, got {self.service_cidr}")
        return self

    def gpu_pods(self, gpus: int) -> int:
        """How many pods with `gpus` GPUs (or slices) each the full pools hold, those of Azure ML left out."""
        return self._pods(gpus, azure_ml=False)

    def azure_ml_pods(self, gpus: int) -> int:
        """How many servers of Azure ML with `gpus` GPUs (or slices) each its full pools hold."""
        return self._pods(gpus, azure_ml=True)

    def _pods(self, gpus: int, *, azure_ml: bool) -> int:
        pools = [pool for pool in self.gpu_pools.values() if pool.azure_ml is azure_ml]
        return gpu_pods(pools, self.gpu_time_slices, gpus)
