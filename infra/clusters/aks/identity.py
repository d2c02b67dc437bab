"""What pods may do in Azure, each as its service account, without a password."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
import pulumi_azure_native as azure

from infra.clouds.azure.identity import BuiltInRole, role_assignment
from infra.clusters.aks.context import AksContext
from infra.clusters.cluster import Access, Identity, ServiceAccount
from infra.settings import SettingsError
from infra.settings.azure import AzureSettings

TOKEN_AUDIENCE = "api://AzureADTokenExchange"  # noqa: S105 not a secret
"""Whom a service account's token must be for (https://learn.microsoft.com/azure/aks/workload-identity-overview)."""

BLOB_HOST = ".blob.core.windows.net"


@dataclass(frozen=True, kw_only=True)
class Right:
    """A role on a resource, by the resource's ID; `name` tells it from the account's others."""

    name: str
    role: BuiltInRole
    scope: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class WorkloadIdentityArgs:
    """`issuer` signs the tokens of the cluster's service accounts, of which `account` gets `rights`."""

    context: AksContext
    issuer: pulumi.Input[str]
    account: ServiceAccount
    rights: Sequence[Right]


class WorkloadIdentity(pulumi.ComponentResource):
    """An identity that one service account's pods take by the cluster's word, and what it may do.

    https://learn.microsoft.com/azure/aks/workload-identity-overview,
    https://learn.microsoft.com/azure/templates/microsoft.managedidentity/userassignedidentities/federatedidentitycredentials
    """

    client_id: pulumi.Output[str]

    def __init__(self, name: str, args: WorkloadIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:WorkloadIdentity", name, None, opts)
        child, group = pulumi.ResourceOptions(parent=self), args.context.resource_group_name
        identity = azure.managedidentity.UserAssignedIdentity(name, resource_group_name=group, opts=child)
        azure.managedidentity.FederatedIdentityCredential(
            name,
            resource_group_name=group,
            resource_name_=identity.name,
            issuer=args.issuer,
            subject=f"system:serviceaccount:{args.account.namespace}:{args.account.name}",
            audiences=[TOKEN_AUDIENCE],
            opts=child,
        )
        for right in args.rights:
            role_assignment(
                f"{name}-{right.name}",
                role=right.role,
                scope=right.scope,
                principal_id=identity.principal_id,
                subscription_id=args.context.azure.subscription_id,
                opts=child,
            )
        self.client_id = identity.client_id
        self.register_outputs({"clientId": self.client_id})

    @property
    def carried(self) -> Identity:
        """What the account and its pods carry for Azure's webhook to hand them the identity.

        https://learn.microsoft.com/azure/aks/workload-identity-overview#service-account-labels-and-annotations
        """
        return Identity(
            annotations={"azure.workload.identity/client-id": self.client_id},
            pod_labels={"azure.workload.identity/use": "true"},
            after=[self],
        )


def secret_reader(vault_id: pulumi.Input[str]) -> Right:
    """Reads every secret of a vault."""
    return Right(name="secrets", role=BuiltInRole.KEY_VAULT_SECRETS_USER, scope=vault_id)


@dataclass(frozen=True, kw_only=True)
class Scopes:
    """Resource IDs of what pods may read that is the stack's own; None where it has none."""

    vault: pulumi.Input[str] | None = None
    registry: pulumi.Input[str] | None = None


def rights(azure: AzureSettings, access: Access, own: Scopes) -> list[Right]:
    """What `access` takes, of what lies in Azure: all secrets and images of the stack, whole containers and zones.

    A role has no bounds inside a container. Raises SettingsError where the settings do not say where something is.
    """
    found = [*_blob_rights("reads", BuiltInRole.STORAGE_BLOB_DATA_READER, azure, access.reads)]
    found += _blob_rights("writes", BuiltInRole.STORAGE_BLOB_DATA_CONTRIBUTOR, azure, access.writes)
    if access.dns_zone and access.dns_zone.startswith("/subscriptions/"):
        # No built-in role is for text records alone (https://cert-manager.io/docs/configuration/acme/dns01/azuredns/).
        found.append(Right(name="dns", role=BuiltInRole.DNS_ZONE_CONTRIBUTOR, scope=access.dns_zone))
    if access.images and own.registry is not None:
        found.append(Right(name="images", role=BuiltInRole.ACR_PULL, scope=own.registry))
    if not access.secrets:
        return found
    if own.vault is None:
        raise SettingsError("aks.keyVault must be given where pods of aks read secrets; add it, empty is enough")
    return [secret_reader(own.vault), *found]


def _blob_rights(verb: str, role: BuiltInRole, azure: AzureSettings, urls: Sequence[str]) -> Iterator[Right]:
    for account, container in sorted({found for url in urls if (found := blob_container(url))}):
        yield Right(name=f"{verb}-{account}-{container}", role=role, scope=container_id(azure, account, container))


def blob_container(url: str) -> tuple[str, str] | None:
    """Storage account and container of `https://account.blob.core.windows.net/container/...`; None for another URL."""
    parts = urlsplit(url)
    if not parts.netloc.endswith(BLOB_HOST):
        return None
    return parts.netloc.removesuffix(BLOB_HOST), parts.path.strip("/").partition("/")[0]


def container_id(azure: AzureSettings, account: str, container: str) -> str:
    """A container's resource ID. Raises SettingsError where the settings lack the account's resource group.

    https://learn.microsoft.com/azure/storage/blobs/assign-azure-role-data-access
    """
    group = azure.storage_accounts.get(account)
    if group is None:
        raise SettingsError(
            f"azure.storageAccounts must name the resource group of {account}, whose blobs pods of aks use; "
            f"add {account}: its resource group"
        )
    return (
        f"/subscriptions/{azure.subscription_id}/resourceGroups/{group}/providers/Microsoft.Storage"
        f"/storageAccounts/{account}/blobServices/default/containers/{container}"
    )
