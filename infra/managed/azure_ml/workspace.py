"""The workspace of an online endpoint, with the storage, vault, registry and logs that it stands on."""

from dataclasses import dataclass

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.applicationinsights import ApplicationType, IngestionMode
from pulumi_azure_native.keyvault import (
    NetworkRuleAction,
    NetworkRuleBypassOptions,
    SkuFamily,
    SkuName,
    VaultPropertiesArgsDict,
)
from pulumi_azure_native.machinelearningservices import (
    IsolationMode,
    ManagedNetworkSettingsArgsDict,
    ManagedServiceIdentityType,
    PublicNetworkAccessType,
    SystemDatastoresAuthMode,
)
from pulumi_azure_native.storage import Bypass, DefaultAction, Kind, MinimumTlsVersion, NetworkRuleSetArgsDict

from infra.clouds.azure.logs import log_workspace
from infra.settings.azure_ml import AzureMlSettings


@dataclass(frozen=True, kw_only=True)
class MlWorkspaceArgs:
    """`registry_id` is the container registry that images come from; `tenant_id` that of Microsoft Entra."""

    settings: AzureMlSettings
    resource_group_name: pulumi.Input[str]
    tenant_id: str
    registry_id: pulumi.Input[str]


class MlWorkspace(pulumi.ComponentResource):
    """A workspace that reaches all it stands on by its identity: no account key, no access policy.

    Azure gives the workspace's own identity the roles that it needs:
    https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
    """

    workspace: azure.machinelearningservices.Workspace
    name: pulumi.Output[str]
    storage_id: pulumi.Output[str]
    logs_id: pulumi.Output[str]

    def __init__(self, name: str, args: MlWorkspaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:managed:MlWorkspace", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        logs = log_workspace(
            f"{name}-logs",
            resource_group_name=args.resource_group_name,
            days=args.settings.log_retention_days,
            opts=self._child,
        )
        storage = self._storage()
        self.workspace = self._workspace(storage, logs)
        self.name, self.storage_id, self.logs_id = self.workspace.name, storage.id, logs.id
        self.register_outputs({"name": self.name})

    def _storage(self) -> azure.storage.StorageAccount:
        """https://learn.microsoft.com/azure/templates/microsoft.storage/storageaccounts"""
        return azure.storage.StorageAccount(
            # The account's name is this with random digits, and takes letters and digits only.
            self._name.replace("-", ""),
            resource_group_name=self._args.resource_group_name,
            kind=Kind.STORAGE_V2,
            sku={"name": azure.storage.SkuName.STANDARD_LRS},
            allow_shared_key_access=False,
            default_to_o_auth_authentication=True,
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            enable_https_traffic_only=True,
            minimum_tls_version=MinimumTlsVersion.TLS1_2,
            network_rule_set=storage_rules(private=self._args.settings.private_egress),
            opts=self._child,
        )

    def _vault(self) -> azure.keyvault.Vault:
        return azure.keyvault.Vault(
            f"{self._name}-vault",
            resource_group_name=self._args.resource_group_name,
            properties=vault_properties(self._args.tenant_id, private=self._args.settings.private_egress),
            opts=self._child,
        )

    def _insights(self, logs: azure.operationalinsights.Workspace) -> azure.applicationinsights.Component:
        """https://learn.microsoft.com/azure/templates/microsoft.insights/components"""
        return azure.applicationinsights.Component(
            f"{self._name}-insights",
            resource_group_name=self._args.resource_group_name,
            application_type=ApplicationType.WEB,
            kind="web",
            ingestion_mode=IngestionMode.LOG_ANALYTICS,
            workspace_resource_id=logs.id,
            # With either anybody can write into it.
            opts=pulumi.ResourceOptions(
                parent=self, additional_secret_outputs=["connectionString", "instrumentationKey"]
            ),
        )

    def _workspace(
        self, storage: azure.storage.StorageAccount, logs: azure.operationalinsights.Workspace
    ) -> azure.machinelearningservices.Workspace:
        """https://learn.microsoft.com/azure/templates/microsoft.machinelearningservices/workspaces"""
        settings = self._args.settings
        return azure.machinelearningservices.Workspace(
            f"{self._name}-workspace",
            resource_group_name=self._args.resource_group_name,
            identity={"type": ManagedServiceIdentityType.SYSTEM_ASSIGNED},
            storage_account=storage.id,
            system_datastores_auth_mode=SystemDatastoresAuthMode.IDENTITY,
            key_vault=self._vault().id,
            application_insights=self._insights(logs).id,
            container_registry=self._args.registry_id,
            public_network_access=public_network_access(settings),
            managed_network=managed_network(settings),
            provision_network_now=settings.private_egress,
            opts=self._child,
        )


def public_network_access(settings: AzureMlSettings) -> PublicNetworkAccessType:
    """Whether the workspace and its endpoint answer on the internet."""
    return PublicNetworkAccessType.ENABLED if settings.public_access else PublicNetworkAccessType.DISABLED


def managed_network(settings: AzureMlSettings) -> ManagedNetworkSettingsArgsDict:
    """The network that the servers run in.

    https://learn.microsoft.com/azure/machine-learning/how-to-managed-network
    """
    private = IsolationMode.ALLOW_ONLY_APPROVED_OUTBOUND
    return {"isolation_mode": private if settings.private_egress else IsolationMode.DISABLED}


def vault_properties(tenant_id: str, *, private: bool) -> VaultPropertiesArgsDict:
    """A vault with roles instead of access policies, which nobody can purge before its time.

    https://learn.microsoft.com/azure/templates/microsoft.keyvault/vaults
    """
    return {
        "tenant_id": tenant_id,
        "sku": {"family": SkuFamily.A, "name": SkuName.STANDARD},
        "enable_rbac_authorization": True,
        "enable_soft_delete": True,
        "soft_delete_retention_in_days": 7,
        "enable_purge_protection": True,
        "network_acls": {
            "bypass": NetworkRuleBypassOptions.AZURE_SERVICES,
            "default_action": NetworkRuleAction.DENY if private else NetworkRuleAction.ALLOW,
        },
    }


def storage_rules(*, private: bool) -> NetworkRuleSetArgsDict:
    """Who reaches the storage account; a role is needed in either case."""
    return {
        "bypass": Bypass.AZURE_SERVICES,
        "default_action": DefaultAction.DENY if private else DefaultAction.ALLOW,
    }
