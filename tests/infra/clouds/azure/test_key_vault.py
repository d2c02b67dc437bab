from ipaddress import IPv4Network
from typing import Any

import pytest

from infra.clouds.azure.key_vault import KeyVault, KeyVaultArgs
from infra.preview import Plan, run
from infra.preview.checks import check_plan

TENANT = "11111111-1111-1111-1111-111111111111"


def preview(**changes: Any) -> Plan:
    def program() -> None:
        KeyVault("vault", KeyVaultArgs(resource_group_name="platform", tenant_id=TENANT, **changes))

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
