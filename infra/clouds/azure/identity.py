"""Who may do what in Azure: built-in roles, and their assignment to the identities of programs."""

from enum import StrEnum

import pulumi
import pulumi_azure_native as azure


class BuiltInRole(StrEnum):
    """Role definitions by their GUID (https://learn.microsoft.com/azure/role-based-access-control/built-in-roles)."""

    ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    AKS_CLUSTER_ADMIN = "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8"
    DNS_ZONE_CONTRIBUTOR = "befefa01-2a29-4197-83a8-272ff33ce314"
    KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
    KUBERNETES_EXTENSION_CONTRIBUTOR = "85cb6faf-e071-4c9b-8136-154b5a04f717"
    MANAGED_IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
    NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
    READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    STORAGE_BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"


def role_assignment(
    name: str,
    *,
    role: BuiltInRole,
    scope: pulumi.Input[str],
    principal_id: pulumi.Input[str],
    subscription_id: str,
    opts: pulumi.ResourceOptions | None = None,
) -> azure.authorization.RoleAssignment:
    """Let a managed identity, by its principal ID, do on `scope`, a resource ID, what `role` allows.

    https://learn.microsoft.com/azure/templates/microsoft.authorization/roleassignments
    """
    definitions = f"/subscriptions/{subscription_id}/providers/Microsoft.Authorization/roleDefinitions"
    return azure.authorization.RoleAssignment(
        name,
        scope=scope,
        role_definition_id=f"{definitions}/{role.value}",
        principal_id=principal_id,
        # Stated, so that Azure does not look for an identity that Microsoft Entra has not replicated yet.
        principal_type=azure.authorization.PrincipalType.SERVICE_PRINCIPAL,
        opts=opts,
    )
