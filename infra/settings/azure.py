"""The `azure` block: subscription, location, network."""

from ipaddress import IPv4Network
from typing import Annotated

from pydantic import AfterValidator, Field

from infra.settings.model import Settings

Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]

# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
StorageAccount = Annotated[str, Field(pattern=r"^[a-z0-9]{3,24}$")]
ResourceGroup = Annotated[str, Field(pattern=r"^[-\w.()]{0,89}[-\w()]$")]


def _subnettable(cidr: IPv4Network) -> IPv4Network:
    if cidr.prefixlen < 16 or cidr.prefixlen > 22:
        raise ValueError("must be between /16 and /22 (its quarters become the subnets)")
    return cidr


class AzureNetworkSettings(Settings):
    """The virtual network that the stack creates."""

    cidr: Annotated[IPv4Network, AfterValidator(_subnettable)]
    """Address range of the virtual network, /16 to /22; must not overlap networks that it will be peered with."""


class AzureSettings(Settings):
    """Where Azure resources live."""

    subscription_id: Uuid
    """Subscription of every resource."""
    tenant_id: Uuid
    """Microsoft Entra tenant of the subscription."""
    location: Annotated[str, Field(pattern=r"^[a-z0-9]+$")]
    """Azure region by its programmatic name, for example `westeurope`."""
    network: AzureNetworkSettings | None = None
    """The virtual network that clusters and container groups live in."""
    storage_accounts: Annotated[dict[StorageAccount, ResourceGroup], Field(default_factory=dict)]
    """Resource groups of the storage accounts, of the same subscription, that pods read or write, by account name."""
