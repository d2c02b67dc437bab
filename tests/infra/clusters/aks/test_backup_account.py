from copy import deepcopy
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from infra.clusters.cluster import ServiceAccount
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.settings.backups import BackupSettings
from tests.infra.clusters.aks.conftest import aks_settings, make_cluster
from tests.infra.samples import children, waits_for

ACCOUNT, CONTAINER = "azure-native:storage:StorageAccount", "azure-native:storage:BlobContainer"
SERVICES, EXPIRY = "azure-native:storage:BlobServiceProperties", "azure-native:storage:ManagementPolicy"
COMPONENT, RIGHT = "inference:clusters:BackupAccount", "azure-native:authorization:RoleAssignment"
# The logical name is the account's own, with random digits: letters and digits only.
ACCOUNT_NAME, NAME = "aksbackups", "aks-backups"


def preview(zones: tuple[str, ...] = ("1", "2", "3"), **block: Any) -> Plan:
    """Two namespaces of one cluster ask for a store."""
    backups = BackupSettings.model_validate(block, strict=False)

    def program() -> None:
        cluster = make_cluster(aks_settings(zones=zones))
        for namespace in ("mlflow", "training"):
            account = ServiceAccount(namespace=namespace, name="backup")
            store = cluster.backup_store(f"aks-{namespace}-backup", account, backups)
            assert store
            pulumi.export(namespace, store.repository)
            pulumi.export(f"{namespace}-account", store.variables["AZURE_ACCOUNT_NAME"])

    return run(program, {})


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


@pytest.fixture(scope="module")
def strict() -> Plan:
    return preview(zones=(), deletedDays=20, deleteData=False, lockDays=7)


def test_all_who_ask_share_one_account_and_each_has_a_container(plan: Plan) -> None:
    assert children(plan, COMPONENT) == {ACCOUNT: 1, SERVICES: 1, EXPIRY: 1, CONTAINER: 2}
    assert plan.exports["mlflow"] == f"azure:${{{NAME}-mlflow.name: string}}:/"
    assert {each.inputs["containerName"] for each in plan.of_type(CONTAINER)} == {"mlflow", "training"}
    assert plan.exports["mlflow-account"] == plan.exports["training-account"]
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_only_the_clusters_nodes_reach_it_and_nobody_with_a_key(plan: Plan) -> None:
    account: Any = plan.one(ACCOUNT, ACCOUNT_NAME).inputs

    assert account["allowSharedKeyAccess"] is False
    assert account["allowBlobPublicAccess"] is False
    assert account["networkRuleSet"]["defaultAction"] == "Deny"
    assert len(account["networkRuleSet"]["virtualNetworkRules"]) == 1


def test_an_identity_has_the_rights_of_its_own_container(plan: Plan) -> None:
    (right,) = [each for each in plan.of_type(RIGHT) if each.name == "aks-mlflow-backup-backups"]

    assert str(right.inputs["roleDefinitionId"]).endswith("ba92f5b4-2d11-453d-a403-e96b0029c9fe")
    assert waits_for(plan, right, plan.one(CONTAINER, f"{NAME}-mlflow"))
    assert not waits_for(plan, right, plan.one(CONTAINER, f"{NAME}-training"))


def test_copies_are_in_zones_where_the_cluster_is(plan: Plan, strict: Plan) -> None:
    assert plan.one(ACCOUNT, ACCOUNT_NAME).inputs["sku"] == {"name": "Standard_ZRS"}
    assert strict.one(ACCOUNT, ACCOUNT_NAME).inputs["sku"] == {"name": "Standard_LRS"}


def test_what_is_deleted_can_be_taken_back_for_some_days(strict: Plan) -> None:
    services, expiry = strict.one(SERVICES, NAME).inputs, strict.one(EXPIRY, NAME)
    policy: Any = expiry.inputs["policy"]
    (rule,) = policy["rules"]

    assert services["isVersioningEnabled"] is True
    assert services["deleteRetentionPolicy"] == {"enabled": True, "days": 20}
    assert services["containerDeleteRetentionPolicy"] == {"enabled": True, "days": 20}
    assert rule["definition"]["actions"] == {"version": {"delete": {"daysAfterCreationGreaterThan": 20}}}
    assert waits_for(strict, expiry, strict.one(SERVICES, NAME))


def test_destroy_refuses_to_delete_backups_that_are_to_be_kept(plan: Plan, strict: Plan) -> None:
    for found, protect in ((strict, True), (plan, False)):
        assert found.one(ACCOUNT, ACCOUNT_NAME).protect is protect
        assert {each.protect for each in found.of_type(CONTAINER)} == {protect}


def test_a_lock_is_only_there_where_it_was_asked_for(plan: Plan, strict: Plan) -> None:
    locked: Any = strict.one(ACCOUNT, ACCOUNT_NAME).inputs

    assert locked["immutableStorageWithVersioning"]["immutabilityPolicy"]["immutabilityPeriodSinceCreationInDays"] == 7
    assert "immutableStorageWithVersioning" not in plan.one(ACCOUNT, ACCOUNT_NAME).inputs


@pytest.mark.parametrize(("type_", "name", "key"), [(ACCOUNT, ACCOUNT_NAME, "sku"), (EXPIRY, NAME, "policy")])
def test_a_misspelt_key_is_caught(plan: Plan, type_: str, name: str, key: str) -> None:
    inputs = deepcopy(dict(plan.one(type_, name).inputs))
    inputs[f"{key}x"] = inputs.pop(key)

    assert check_resource(replace(plan.one(type_, name), inputs=inputs)) != []
