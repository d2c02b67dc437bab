"""One AKS cluster, previewed once for all tests."""

import pulumi
import pulumi_azure_native as azure
import pytest

from infra.clouds.azure.key_vault import KeyVault
from infra.clouds.azure.network import AzureNetwork, AzureNetworkArgs
from infra.clouds.azure.provider import azure_options
from infra.clusters.aks import AksCluster, AksClusterArgs
from infra.preview import Plan, run
from infra.settings.aks import AksSettings
from infra.settings.azure import AzureNetworkSettings, AzureSettings
from infra.settings.logs import LogSettings

TAGS = {"owner": "ml-platform", "stack": "test"}
REGISTRY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r"
GROUP = "22222222-2222-2222-2222-222222222222"


def azure_settings() -> AzureSettings:
    return AzureSettings.model_validate(
        {
            "subscriptionId": "00000000-0000-0000-0000-000000000000",
            "tenantId": "11111111-1111-1111-1111-111111111111",
            "location": "westeurope",
            "network": {"cidr": "10.32.0.0/16"},
        },
        strict=False,
    )


def aks_settings(**changes: object) -> AksSettings:
    settings = {
        "kubernetesVersion": "1.36",
        "administrators": [GROUP],
        "gpuPools": {
            "t4spot": {"capacity": "spot", "vmSize": "Standard_NC4as_T4_v3", "min": 1, "max": 4},
            "t4": {"capacity": "on-demand", "vmSize": "Standard_NC4as_T4_v3", "min": 0, "max": 2},
        },
    }
    return AksSettings.model_validate({**settings, **changes}, strict=False)


def make_cluster(
    settings: AksSettings,
    placed: AzureSettings | None = None,
    key_vault: KeyVault | None = None,
    logs: LogSettings | None = None,
) -> AksCluster:
    placed = placed or azure_settings()
    opts = azure_options(placed, TAGS)
    group = azure.resources.ResourceGroup("azure", opts=opts)
    network_args = AzureNetworkArgs(
        settings=placed.network or AzureNetworkSettings.model_validate({}), resource_group_name=group.name
    )
    args = AksClusterArgs(
        azure=placed,
        aks=settings,
        network=AzureNetwork("azure", network_args, opts),
        resource_group_name=group.name,
        name="platform-test",
        registry_id=REGISTRY,
        key_vault=key_vault,
        logs=logs,
    )
    return AksCluster("aks", args, opts)


def preview_aks(*, preview: bool = False, outputs: dict[str, object] | None = None, **changes: object) -> Plan:
    settings = aks_settings(**changes)

    def program() -> None:
        pulumi.export("issuer", make_cluster(settings).issuer)

    return run(program, {}, preview=preview, outputs=outputs)


@pytest.fixture(scope="session")
def aks() -> Plan:
    return preview_aks()


@pytest.fixture(scope="session")
def changed() -> Plan:
    """The cluster with every setting changed that has a default."""
    spot = {"vmSize": "Standard_NC4as_T4_v3", "min": 1, "max": 4, "maxPrice": 0.35}
    return preview_aks(
        publicAccessCidrs=["198.51.100.0/24"],
        tier="standard",
        zones=["1", "2"],
        systemPool={"nodes": 3},
        gpuPools={"t4spot": spot},
        logRetentionDays=90,
        deletionProtection=True,
    )


@pytest.fixture(scope="session")
def shared_with_azure_ml() -> Plan:
    """The cluster with a pool that is Azure ML's."""
    azure_ml = {"capacity": "on-demand", "vmSize": "Standard_NC4as_T4_v3", "max": 2, "azureMl": True}
    own = {"vmSize": "Standard_NC4as_T4_v3", "max": 4}
    return preview_aks(localAccounts=True, gpuPools={"t4": own, "ml": azure_ml})
