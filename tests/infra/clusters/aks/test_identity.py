import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.clouds.azure.identity import BuiltInRole
from infra.clouds.azure.key_vault import KeyVault, KeyVaultArgs
from infra.clusters.aks.identity import Right, Scopes, blob_container, rights
from infra.clusters.cluster import Access, Cluster, ServiceAccount
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.settings import SettingsError
from infra.settings.azure import AzureSettings
from tests.infra.clusters.aks.conftest import aks_settings, make_cluster
from tests.infra.samples import AZURE, children

ACCOUNT = ServiceAccount(namespace="serving", name="model-server")
IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"
TRUST = "azure-native:managedidentity:FederatedIdentityCredential"
GIVEN, COMPONENT = "azure-native:authorization:RoleAssignment", "inference:clusters:WorkloadIdentity"
MODELS = "https://models.blob.core.windows.net/prod/digits"
CONTAINER = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/data/providers/Microsoft.Storage"
    "/storageAccounts/models/blobServices/default/containers/prod"
)


def azure(**accounts: str) -> AzureSettings:
    return AzureSettings.model_validate_json(json.dumps({**AZURE, "storageAccounts": accounts}))


def preview(use: Callable[[Cluster], object], *, vault: bool = True) -> Plan:
    placed = azure(models="data")

    def program() -> None:
        vault_args = KeyVaultArgs(resource_group_name="g", tenant_id=placed.tenant_id)
        use(make_cluster(aks_settings(), placed, KeyVault("vault", vault_args) if vault else None))

    return run(program, {})


def test_an_account_takes_an_identity_by_the_clusters_word_and_its_pods_carry_the_mark() -> None:
    found: list[Any] = []
    plan = preview(lambda cluster: found.append(cluster.identity("server", ACCOUNT, Access(secrets=["a"]))))

    assert children(plan, COMPONENT) == {IDENTITY: 1, TRUST: 1, GIVEN: 1}
    assert plan.one(TRUST, "server").inputs == {
        "audiences": ["api://AzureADTokenExchange"],
        "issuer": "${aks.oidcIssuerProfile.issuerURL: string}",
        "resourceGroupName": "${azure.name: string}",
        "resourceName": "${server.name: string}",
        "subject": "system:serviceaccount:serving:model-server",
    }
    assert found[0].annotations.keys() == {"azure.workload.identity/client-id"}
    assert found[0].pod_labels == {"azure.workload.identity/use": "true"}
    assert len(found[0].after) == 1
    assert plan.one(IDENTITY, "server").inputs["tags"] == {"owner": "ml-platform", "stack": "test"}
    assert plan.one(COMPONENT).parent == plan.one("inference:clusters:AksCluster").urn
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_each_right_is_a_role_of_that_identity_on_one_thing() -> None:
    access = Access(secrets=["a", "b"], reads=[MODELS], writes=["https://models.blob.core.windows.net/runs"])
    plan = preview(lambda cluster: cluster.identity("server", ACCOUNT, access))
    given = {each.name: each.inputs for each in plan.of_type(GIVEN) if each.name.startswith("server-")}

    assert {name: each["scope"] for name, each in given.items()} == {
        "server-secrets": "${vault.id: string}",
        "server-reads-models-prod": CONTAINER,
        "server-writes-models-runs": CONTAINER.removesuffix("prod") + "runs",
    }
    assert {each["principalId"] for each in given.values()} == {"${server.principalId: string}"}
    assert given["server-secrets"]["roleDefinitionId"].endswith(f"/{BuiltInRole.KEY_VAULT_SECRETS_USER.value}")
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_reading_and_writing_are_roles_of_their_own_once_for_a_container() -> None:
    found = rights(azure(models="data"), Access(reads=[MODELS, MODELS + "/1"], writes=[MODELS]), Scopes())

    assert found == [
        Right(name="reads-models-prod", role=BuiltInRole.STORAGE_BLOB_DATA_READER, scope=CONTAINER),
        Right(name="writes-models-prod", role=BuiltInRole.STORAGE_BLOB_DATA_CONTRIBUTOR, scope=CONTAINER),
    ]


@pytest.mark.parametrize("access", [Access(), Access(reads=["s3://models/digits"], writes=["s3://runs"])])
def test_what_lies_elsewhere_takes_no_identity(access: Access) -> None:
    found: list[Any] = []
    plan = preview(lambda cluster: found.append(cluster.identity("server", ACCOUNT, access)))

    assert plan.of_type(COMPONENT) == []
    assert (found[0].annotations, found[0].pod_labels, found[0].after) == ({}, {}, ())


@pytest.mark.parametrize(
    ("url", "container"),
    [
        (MODELS, ("models", "prod")),
        ("https://models.blob.core.windows.net/prod/", ("models", "prod")),
        ("https://models.example.com/prod", None),
        ("https://blob.core.windows.net.example.com/prod", None),
        ("s3://models/prod", None),
    ],
)
def test_a_blobs_url_names_its_account_and_container(url: str, container: tuple[str, str] | None) -> None:
    assert blob_container(url) == container


def test_an_account_whose_group_is_not_known_is_named() -> None:
    with pytest.raises(SettingsError) as refused:
        rights(azure(other="data"), Access(reads=[MODELS]), Scopes())

    assert str(refused.value) == (
        "azure.storageAccounts must name the resource group of models, whose blobs pods of aks use; add models: its "
        "resource group"
    )


def test_secrets_need_a_vault() -> None:
    with pytest.raises(SettingsError, match=r"aks\.keyVault must be given where pods of aks read secrets"):
        rights(azure(), Access(secrets=["a"]), Scopes())


def test_secrets_are_in_the_stacks_vault_which_the_account_may_read() -> None:
    found: list[Any] = []
    plan = preview(lambda cluster: found.append(cluster.secret_store("secrets", ACCOUNT, ["a"])))

    assert found[0].provider.keys() == {"azurekv"}
    assert found[0].provider["azurekv"]["authType"] == "WorkloadIdentity"
    assert found[0].value_key is None
    assert [each.inputs["scope"] for each in plan.of_type(GIVEN) if each.name == "secrets-secrets"] == [
        "${vault.id: string}"
    ]
    assert found[0].identity.pod_labels == {"azure.workload.identity/use": "true"}


def test_a_cluster_without_a_vault_has_no_store() -> None:
    found: list[Any] = []
    preview(lambda cluster: found.append(cluster.secret_store("secrets", ACCOUNT, ["a"])), vault=False)

    assert found == [None]


@pytest.mark.parametrize(
    ("token", "wrong"),
    [
        (TRUST, {"audience": ["api://AzureADTokenExchange"]}),
        (TRUST, {"audiences": "api://AzureADTokenExchange"}),
        (TRUST, {"resourceName": None}),
        (GIVEN, {"scope": None}),
        (GIVEN, {"principalType": "ServicePrinciple"}),
        (IDENTITY, {"resourceGroupName": None}),
    ],
)
def test_a_planted_mistake_is_found(token: str, wrong: dict[str, Any]) -> None:
    access = Access(secrets=["a"])
    plan = preview(lambda cluster: cluster.identity("server", ACCOUNT, access))
    resource = next(each for each in plan.of_type(token) if each.name.startswith("server"))
    inputs = {key: value for key, value in {**resource.inputs, **wrong}.items() if value is not None}

    assert list(check_resource(resource)) == []
    assert list(check_resource(replace(resource, inputs=inputs)))


def test_a_dns_zone_is_changed_by_its_id_and_one_of_another_cloud_is_not() -> None:
    zone = "/subscriptions/s/resourceGroups/dns/providers/Microsoft.Network/dnsZones/example.com"

    assert rights(azure(), Access(dns_zone=zone), Scopes()) == [
        Right(name="dns", role=BuiltInRole.DNS_ZONE_CONTRIBUTOR, scope=zone)
    ]
    assert rights(azure(), Access(dns_zone="Z0123456789"), Scopes()) == []


def test_images_are_pulled_from_the_stacks_own_registry_where_it_has_one() -> None:
    (found,) = rights(azure(), Access(images=True), Scopes(registry="the-registry"))

    assert (found.role, found.scope) == (BuiltInRole.ACR_PULL, "the-registry")
    assert rights(azure(), Access(images=True), Scopes()) == []
