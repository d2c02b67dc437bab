import pulumi
import pytest

from infra.clouds.azure.cloud import Azure
from infra.clouds.cloud import Stack
from infra.clusters.cluster import ServiceAccount
from infra.clusters.draining import Drains
from infra.preview import Plan, run
from tests.infra.samples import AKS, AZURE, REMOVED, T4, settings

VAULT = "azure-native:keyvault:Vault"
TRUST = "azure-native:managedidentity:FederatedIdentityCredential"


def preview(**blocks: object) -> Plan:
    stack = settings({"aws": REMOVED, "eks": REMOVED, "azure": AZURE, "aks": AKS, **blocks})

    def program() -> None:
        assert stack.azure
        cloud = Azure(Stack(settings=stack, name="platform-test", tags={}, drains=Drains()), stack.azure)
        cloud.clusters()
        cloud.endpoints("example.azurecr.io/model-server@sha256:0", [])

    return run(program, {})


@pytest.fixture(scope="module")
def with_vault() -> Plan:
    readers = ["serving/model-server", "external-secrets/reader"]
    key_vault = {"readers": readers, "publicAccessCidrs": ["198.51.100.0/24"]}
    return preview(aks={**AKS, "keyVault": key_vault, "deletionProtection": True})


def test_every_reader_is_a_service_account_that_the_clusters_word_vouches_for(with_vault: Plan) -> None:
    trusted = {trust.inputs["subject"]: trust.inputs["issuer"] for trust in with_vault.of_type(TRUST)}

    assert trusted == {
        "system:serviceaccount:serving:model-server": "${aks.oidcIssuerProfile.issuerURL: string}",
        "system:serviceaccount:external-secrets:reader": "${aks.oidcIssuerProfile.issuerURL: string}",
    }


def test_the_stack_exports_where_secrets_are_and_as_whom_to_read_them(with_vault: Plan) -> None:
    assert with_vault.exports["aks-key-vault"] == {
        "uri": "${aks-vault.properties.vaultUri: string}",
        "clientIds": {
            "serving/model-server": "${aks-serving-model-server.clientId: string}",
            "external-secrets/reader": "${aks-external-secrets-reader.clientId: string}",
        },
    }


def test_the_vault_lets_in_nodes_and_named_ranges_and_is_kept_as_the_cluster_is(with_vault: Plan) -> None:
    guarded = with_vault.one(VAULT).inputs["properties"]
    unguarded = preview(aks={**AKS, "keyVault": {"readers": ["a/b"]}}).one(VAULT).inputs["properties"]

    assert guarded["networkAcls"]["virtualNetworkRules"] == [{"id": "${azure-nodes.id: string}"}]
    assert guarded["networkAcls"]["ipRules"] == [{"value": "198.51.100.0/24"}]
    assert unguarded["networkAcls"]["ipRules"] == []
    assert guarded["enablePurgeProtection"] is True
    assert "enablePurgeProtection" not in unguarded


def test_a_vault_is_the_clusters_store_and_needs_no_further_readers() -> None:
    stack = settings({"aws": REMOVED, "eks": REMOVED, "azure": AZURE, "aks": {**AKS, "keyVault": {}}})

    def program() -> None:
        assert stack.azure
        (cluster,) = Azure(
            Stack(settings=stack, name="platform-test", tags={}, drains=Drains()), stack.azure
        ).clusters()
        store = cluster.secret_store("secrets", ServiceAccount(namespace="operators", name="reader"), ["a"])
        assert store
        pulumi.export("url", store.provider["azurekv"]["vaultUrl"])

    plan = run(program, {})
    assert plan.exports["aks-key-vault"] == {"uri": plan.exports["url"], "clientIds": {}}
    assert [trust.inputs["subject"] for trust in plan.of_type(TRUST)] == ["system:serviceaccount:operators:reader"]


def test_a_stack_that_asks_for_no_vault_has_none() -> None:
    plan = preview()

    assert plan.of_type(VAULT) == []
    assert "aks-key-vault" not in plan.exports


@pytest.mark.parametrize(("private", "tier"), [(False, "Standard"), (True, "Premium")])
def test_private_egress_gets_a_registry_that_takes_private_endpoints(private: bool, tier: str) -> None:
    plan = preview(azureMl={"instanceType": "Standard_NC4as_T4_v3", "privateEgress": private})

    assert plan.one("azure-native:containerregistry:Registry").inputs["sku"] == {"name": tier}


def test_azure_ml_is_attached_to_the_stacks_own_cluster() -> None:
    pools = {"t4": T4, "ml": {**T4, "capacity": "on-demand", "azureMl": True}}
    aks = {**AKS, "gpuPools": pools, "localAccounts": True}
    plan = preview(aks=aks, azureMl={"compute": "aks", "instances": {"max": 4}})
    compute = plan.one("azure-native:machinelearningservices:Compute").inputs["properties"]
    instance_type = plan.one("kubernetes:amlarc.azureml.com/v1alpha1:InstanceType")
    nodes = plan.one("azure-native:containerservice:AgentPool", "aks-ml").inputs["nodeLabels"]

    assert compute["resourceId"] == "${aks.id: string}"
    assert instance_type.provider_name == "aks"
    assert instance_type.inputs["spec"]["nodeSelector"].items() <= nodes.items()
