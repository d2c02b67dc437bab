"""Where backups of what runs on the cluster are kept: a storage account of its own."""

from dataclasses import dataclass, replace

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.storage import ManagementPolicyRuleArgsDict, NetworkRuleSetArgsDict, SkuName

from infra.clusters.aks.context import AksContext
from infra.clusters.cluster import BackupStore, Identity
from infra.namespaces.network import to_anywhere
from infra.settings.backups import BackupSettings


@dataclass(frozen=True, kw_only=True)
class BackupAccountArgs:
    """Of which cluster, and how long what is deleted stays."""

    context: AksContext
    settings: BackupSettings


class BackupAccount(pulumi.ComponentResource):
    """An account that only the cluster's nodes reach, in which what a pod deletes can be taken back for some days.

    https://learn.microsoft.com/azure/templates/microsoft.storage/storageaccounts
    """

    def __init__(self, name: str, args: BackupAccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:BackupAccount", name, None, opts)
        self._name, self._args = name, args
        self._kept = pulumi.ResourceOptions(parent=self, protect=not args.settings.delete_data)
        self._account = self._storage_account()
        group, days = args.context.resource_group_name, args.settings.deleted_days
        services = azure.storage.BlobServiceProperties(
            name,
            resource_group_name=group,
            account_name=self._account.name,
            blob_services_name="default",
            is_versioning_enabled=True,
            delete_retention_policy={"enabled": True, "days": days},
            container_delete_retention_policy={"enabled": True, "days": days},
            opts=pulumi.ResourceOptions(parent=self),
        )
        azure.storage.ManagementPolicy(
            name,
            resource_group_name=group,
            account_name=self._account.name,
            management_policy_name="default",
            policy={"rules": [forget_deleted(days)]},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[services]),
        )
        self.register_outputs({"account": self._account.name})

    def _storage_account(self) -> azure.storage.StorageAccount:
        context, lock_days = self._args.context, self._args.settings.lock_days
        return azure.storage.StorageAccount(
            # The account's name is this with random digits, and takes letters and digits only.
            self._name.replace("-", ""),
            resource_group_name=context.resource_group_name,
            kind=azure.storage.Kind.STORAGE_V2,
            # In a region with zones a copy is in each of three.
            sku={"name": SkuName.STANDARD_ZRS if context.aks.zones else SkuName.STANDARD_LRS},
            allow_shared_key_access=False,
            default_to_o_auth_authentication=True,
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            enable_https_traffic_only=True,
            minimum_tls_version=azure.storage.MinimumTlsVersion.TLS1_2,
            network_rule_set=from_nodes(context.network.node_subnet_id),
            immutable_storage_with_versioning=locked(lock_days) if lock_days else None,
            opts=self._kept,
        )

    def container(self, namespace: str) -> azure.storage.BlobContainer:
        """A container for the backups of a namespace."""
        return azure.storage.BlobContainer(
            f"{self._name}-{namespace}",
            resource_group_name=self._args.context.resource_group_name,
            account_name=self._account.name,
            container_name=namespace,
            public_access=azure.storage.PublicAccess.NONE,
            opts=self._kept,
        )

    def store(self, container: azure.storage.BlobContainer, identity: Identity) -> BackupStore:
        """The container, for pods of `identity`."""
        return BackupStore(
            repository=pulumi.Output.concat("azure:", container.name, ":/"),
            variables={"AZURE_ACCOUNT_NAME": self._account.name},
            egress=[to_anywhere(443)],
            identity=replace(identity, after=[self, container, *identity.after]),
        )


def from_nodes(subnet_id: pulumi.Input[str]) -> NetworkRuleSetArgsDict:
    """The nodes' subnet, by its service endpoint, and nobody else."""
    return {
        "default_action": azure.storage.DefaultAction.DENY,
        "bypass": azure.storage.Bypass.NONE,
        "virtual_network_rules": [{"virtual_network_resource_id": subnet_id}],
    }


def locked(days: int) -> azure.storage.ImmutableStorageAccountArgsDict:
    """Versions stay for so many days, until somebody who may change the account ends that.

    https://learn.microsoft.com/azure/storage/blobs/immutable-version-level-worm-policies
    """
    return {
        "enabled": True,
        "immutability_policy": {
            "state": azure.storage.AccountImmutabilityPolicyState.UNLOCKED,
            "immutability_period_since_creation_in_days": days,
            "allow_protected_append_writes": False,
        },
    }


def forget_deleted(days: int) -> ManagementPolicyRuleArgsDict:
    """What was overwritten stays for so many days (https://learn.microsoft.com/azure/storage/blobs/lifecycle-management-overview)."""
    return {
        "name": "forget-deleted",
        "enabled": True,
        "type": azure.storage.RuleType.LIFECYCLE,
        "definition": {
            "filters": {"blob_types": ["blockBlob"]},
            "actions": {"version": {"delete": {"days_after_creation_greater_than": days}}},
        },
    }
