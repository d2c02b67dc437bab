"""What the parts of one AKS cluster share."""

from dataclasses import dataclass

import pulumi

from infra.clouds.azure.network import AzureNetwork
from infra.settings.aks import AksSettings
from infra.settings.azure import AzureSettings
from infra.settings.logs import LogSettings


@dataclass(frozen=True, kw_only=True)
class AksContext:
    """One cluster: its settings, where it stands, and its name in kubeconfigs and host names."""

    azure: AzureSettings
    aks: AksSettings
    network: AzureNetwork
    resource_group_name: pulumi.Input[str]
    name: str
    logs: LogSettings | None = None
