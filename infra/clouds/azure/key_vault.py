"""A key vault, and who in a cluster reads its secrets."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.keyvault import VaultPropertiesArgsDict

from infra.clouds.azure.identity import BuiltInRole, role_assignment

TOKEN_AUDIENCE = "api://AzureADTokenExchange"  # noqa: S105 not a secret
"""Whom a service account's token must be for (https://learn.microsoft.com/azure/aks/workload-identity-overview)."""


@dataclass(frozen=True, kw_only=True)
class KeyVaultArgs:
    """Only `subnet_ids` and `public_access_cidrs` reach the vault; purge protection, once on, stays for good."""

    resource_group_name: pulumi.Input[str]
    tenant_id: str
    subnet_ids: Sequence[pulumi.Input[str]] = ()
    public_access_cidrs: Sequence[IPv4Network] = ()
    purge_protection: bool = True


class KeyVault(pulumi.ComponentResource):
    """A vault whose rights are Azure roles (https://learn.microsoft.com/azure/templates/microsoft.keyvault/vaults)."""

    vault_id: pulumi.Output[str]
    uri: pulumi.Output[str]

    def __init__(self, name: str, args: KeyVaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:azure:KeyVault", name, None, opts)
        vault = azure.keyvault.Vault(
            name,
            resource_group_name=args.resource_group_name,
            properties=vault_properties(args),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.vault_id, self.uri = vault.id, vault.properties.vault_uri.apply(str)
        self.register_outputs({"vaultId": self.vault_id, "uri": self.uri})


def vault_properties(args: KeyVaultArgs) -> VaultPropertiesArgsDict:
    """Rights by role, and a firewall that lets in who is named."""
    reachable = bool(args.subnet_ids or args.public_access_cidrs)
    properties: VaultPropertiesArgsDict = {
        "tenant_id": args.tenant_id,
        "sku": {"family": azure.keyvault.SkuFamily.A, "name": azure.keyvault.SkuName.STANDARD},
        "enable_rbac_authorization": True,
        "public_network_access": "Enabled" if reachable else "Disabled",
        "network_acls": {
            "default_action": azure.keyvault.NetworkRuleAction.DENY,
            "bypass": azure.keyvault.NetworkRuleBypassOptions.NONE,
            "ip_rules": [{"value": str(cidr)} for cidr in args.public_access_cidrs],
            "virtual_network_rules": [{"id": subnet} for subnet in args.subnet_ids],
        },
    }
    # Azure refuses false: a vault without it says nothing.
    return {**properties, "enable_purge_protection": True} if args.purge_protection else properties


@dataclass(frozen=True, kw_only=True)
class SecretReaderArgs:
    """`issuer` signs the tokens of the cluster's service accounts; the reader is one of them."""

    resource_group_name: pulumi.Input[str]
    subscription_id: str
    vault_id: pulumi.Input[str]
    issuer: pulumi.Input[str]
    namespace: str
    service_account: str


class SecretReader(pulumi.ComponentResource):
    """A service account that reads a vault's secrets, without a password of its own.

    Its pods carry the label `azure.workload.identity/use: "true"`, the account `azure.workload.identity/client-id`
    (https://learn.microsoft.com/azure/aks/workload-identity-overview#service-account-labels-and-annotations).
    """

    client_id: pulumi.Output[str]

    def __init__(self, name: str, args: SecretReaderArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:azure:SecretReader", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        identity = azure.managedidentity.UserAssignedIdentity(
            name, resource_group_name=args.resource_group_name, opts=child
        )
        azure.managedidentity.FederatedIdentityCredential(
            name,
            resource_group_name=args.resource_group_name,
            resource_name_=identity.name,
            issuer=args.issuer,
            subject=f"system:serviceaccount:{args.namespace}:{args.service_account}",
            audiences=[TOKEN_AUDIENCE],
            opts=child,
        )
        role_assignment(
            name,
            role=BuiltInRole.KEY_VAULT_SECRETS_USER,
            scope=args.vault_id,
            principal_id=identity.principal_id,
            subscription_id=args.subscription_id,
            opts=child,
        )
        self.client_id = identity.client_id
        self.register_outputs({"clientId": self.client_id})
