"""A key vault: secrets that identities of Azure read."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.keyvault import VaultPropertiesArgsDict


@dataclass(frozen=True, kw_only=True)
class KeyVaultArgs:
    """Only `subnet_ids` and `public_access_cidrs` reach the vault; purge protection, once on, stays for good.

    `protect` lets Pulumi refuse to delete it.
    """

    resource_group_name: pulumi.Input[str]
    tenant_id: str
    subnet_ids: Sequence[pulumi.Input[str]] = ()
    public_access_cidrs: Sequence[IPv4Network] = ()
    purge_protection: bool = True
    protect: bool = False


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
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
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
