from ipaddress import IPv4Network
from typing import Any

import pytest

from infra.clouds.azure.key_vault import KeyVault, KeyVaultArgs, SecretReader, SecretReaderArgs
from infra.preview import Plan, run
from infra.preview.checks import check_plan

TENANT = "11111111-1111-1111-1111-111111111111"


def preview(**changes: Any) -> Plan:
    def program() -> None:
        vault = KeyVault("vault", KeyVaultArgs(resource_group_name="platform", tenant_id=TENANT, **changes))
        args = SecretReaderArgs(
            resource_group_name="platform",
            subscription_id="00000000-0000-0000-0000-000000000000",
            vault_id=vault.vault_id,
            issuer="https://issuer.example/",
            namespace="external-secrets",
            service_account="reader",
        )
        SecretReader("reader", args)

    return run(program, {})


def properties(plan: Plan) -> Any:
    return plan.one("azure-native:keyvault:Vault").inputs["properties"]


@pytest.mark.parametrize("changes", [{}, {"subnet_ids": ["/subnet"]}, {"purge_protection": False}])
def test_every_input_fits_its_schema(changes: dict[str, Any]) -> None:
    assert [str(failure) for failure in check_plan(preview(**changes)).failures] == []


def test_rights_are_azure_roles_and_what_is_deleted_can_be_had_back() -> None:
    found = properties(preview())

    assert found["enableRbacAuthorization"] is True
    assert found["enablePurgeProtection"] is True
    assert found["tenantId"] == TENANT
    assert "enablePurgeProtection" not in properties(preview(purge_protection=False))


def test_nobody_reaches_the_vault_but_who_is_named() -> None:
    closed = properties(preview())
    opened = properties(preview(subnet_ids=["/subnet"], public_access_cidrs=[IPv4Network("198.51.100.0/24")]))

    assert closed["publicNetworkAccess"] == "Disabled"
    assert closed["networkAcls"]["defaultAction"] == opened["networkAcls"]["defaultAction"] == "Deny"
    assert opened["publicNetworkAccess"] == "Enabled"
    assert opened["networkAcls"]["virtualNetworkRules"] == [{"id": "/subnet"}]
    assert opened["networkAcls"]["ipRules"] == [{"value": "198.51.100.0/24"}]


def test_one_service_account_reads_the_vaults_secrets_by_the_clusters_word() -> None:
    plan = preview()
    trust = plan.one("azure-native:managedidentity:FederatedIdentityCredential").inputs
    given = plan.one("azure-native:authorization:RoleAssignment").inputs

    assert trust["issuer"] == "https://issuer.example/"
    assert trust["subject"] == "system:serviceaccount:external-secrets:reader"
    assert trust["audiences"] == ["api://AzureADTokenExchange"]
    assert trust["resourceName"] == "${reader.name: string}"
    assert given["scope"] == "${vault.id: string}"
    assert given["principalId"] == "${reader.principalId: string}"
    assert given["roleDefinitionId"].endswith("/4633458b-17de-408a-b874-0445c86b69e6")
