import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pulumi
import pytest

from infra.clusters.cluster import Cluster, SecretStore, ServiceAccount
from infra.preview import Plan
from infra.preview.checks import UNCHECKED, check_plan
from infra.serving.secrets import (
    ServerSecrets,
    ServerSecretsArgs,
    external_secret_spec,
    store_for,
    store_spec,
    vault_store,
)
from infra.settings import SettingsError
from infra.settings.secrets import VaultSettings
from tests.infra.samples import children, on_cluster, waits_for

STORE, EXTERNAL = "kubernetes:external-secrets.io/v1:SecretStore", "kubernetes:external-secrets.io/v1:ExternalSecret"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
VAULT: dict[str, Any] = {"server": "https://vault.example.com:8200", "role": "model-server"}
AWS = SecretStore(provider={"aws": {"service": "SecretsManager", "region": "eu-west-1"}})
ARGS = ServerSecretsArgs(
    namespace="serving",
    secrets={"WANDB_API_KEY": "wandb", "ADMIN_TOKEN": "model-server-admin-token"},
    store=AWS,
    controller_class="ours",
    refresh_minutes=60,
)


def preview(args: ServerSecretsArgs = ARGS) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        pulumi.export("name", ServerSecrets("secrets", args, opts).secret_name)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


def vault(**changes: object) -> VaultSettings:
    return VaultSettings.model_validate_json(json.dumps({**VAULT, **changes}))


def test_a_store_and_what_is_copied_from_it_are_in_the_servers_namespace(plan: Plan) -> None:
    metadata = [plan.one(type_).inputs["metadata"] for type_ in (STORE, EXTERNAL)]

    assert children(plan, "inference:serving:ServerSecrets") == Counter([STORE, EXTERNAL])
    assert [each["namespace"] for each in metadata] == ["serving", "serving"]
    assert plan.one(EXTERNAL).inputs["spec"]["secretStoreRef"] == {"kind": "SecretStore", "name": metadata[0]["name"]}
    assert waits_for(plan, plan.one(EXTERNAL), plan.one(STORE))
    assert {each.provider_name for each in plan.resources if each.parent and each.type in (STORE, EXTERNAL)} == {
        "plain"
    }


def test_only_the_operator_of_its_class_obeys_the_store() -> None:
    assert store_spec(AWS, "ours") == {"controller": "ours", "provider": AWS.provider}


def test_every_variable_takes_the_value_of_its_secret() -> None:
    spec = external_secret_spec(ARGS, "model-server", "target", ARGS.secrets)

    assert spec["refreshInterval"] == "60m"
    assert spec["target"] == {"name": "target", "creationPolicy": "Owner", "deletionPolicy": "Retain"}
    assert spec["data"] == [
        {"secretKey": "ADMIN_TOKEN", "remoteRef": {"key": "model-server-admin-token"}},
        {"secretKey": "WANDB_API_KEY", "remoteRef": {"key": "wandb"}},
    ]


def test_the_value_of_a_secret_that_is_a_map_is_at_one_key_of_it() -> None:
    spec = external_secret_spec(
        replace(ARGS, store=vault_store(vault(), "eks")), "model-server", "target", ARGS.secrets
    )

    assert {each["remoteRef"]["property"] for each in spec["data"]} == {"value"}


def test_the_stack_waits_for_the_values_and_pods_find_them_under_the_exported_name(plan: Plan) -> None:
    copied = plan.one(EXTERNAL)

    assert copied.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert copied.options["customTimeouts"] == {"create": "15m", "update": "15m"}
    assert plan.exports["name"] == copied.inputs["spec"]["target"]["name"] == copied.inputs["metadata"]["name"]


@pytest.mark.parametrize(
    "secrets",
    [
        {"ADMIN_TOKEN": "model-server-admin-token"},
        {"WANDB_API_KEY": "wandb", "ADMIN_TOKEN": "another"},
        {"WANDB_KEY": "wandb", "ADMIN_TOKEN": "model-server-admin-token"},
    ],
)
def test_other_variables_or_secrets_are_another_secret_so_that_pods_follow(
    plan: Plan, secrets: Mapping[str, str]
) -> None:
    changed = preview(replace(ARGS, secrets=secrets))

    assert changed.exports["name"] != plan.exports["name"]
    assert preview().exports["name"] == plan.exports["name"]


class CloudCluster:
    """As much of a cluster as a store is found by."""

    name = "eks"

    def __init__(self, store: SecretStore | None) -> None:
        self.asked: list[object] = []
        self._store = store

    def secret_store(self, name: str, account: ServiceAccount, secrets: Sequence[str]) -> SecretStore | None:
        """Remember what was asked for."""
        self.asked.append((name, account, secrets))
        return self._store


READER = ServiceAccount(namespace="operators", name="reader")


def test_without_a_vault_each_secret_is_asked_of_the_clusters_cloud_once() -> None:
    cluster = CloudCluster(AWS)
    secrets = {"A": "token", "B": "key", "C": "token"}

    assert store_for(cast("Cluster", cluster), None, READER, secrets.values()) == AWS
    assert cluster.asked == [("eks-secrets", READER, ["key", "token"])]


def test_a_vault_is_there_for_every_cluster() -> None:
    cluster = CloudCluster(AWS)

    assert store_for(cast("Cluster", cluster), vault(), READER, ["token"]) == vault_store(vault(), "eks")
    assert cluster.asked == []


def test_a_cluster_without_a_store_needs_a_vault() -> None:
    with pytest.raises(SettingsError, match=r"secrets\.vault must be given .* and eks has no store"):
        store_for(cast("Cluster", CloudCluster(None)), None, READER, ["token"])


def test_a_vault_is_asked_by_the_operators_account_of_that_cluster() -> None:
    settings = vault(path="kv", namespace="ml", ca=CERTIFICATE, authMounts={"aks": "clusters/aks"})

    assert vault_store(settings, "aks").provider == {
        "vault": {
            "server": "https://vault.example.com:8200",
            "path": "kv",
            "version": "v2",
            "auth": {"kubernetes": {"mountPath": "clusters/aks", "role": "model-server"}},
            "namespace": "ml",
            "caBundle": base64.b64encode(CERTIFICATE.encode()).decode(),
        }
    }
    assert vault_store(vault(), "eks").provider["vault"].keys() == {"server", "path", "version", "auth"}


def test_no_built_in_kind_is_hidden_among_those_that_have_no_schema_here(plan: Plan) -> None:
    failures = [str(failure) for failure in check_plan(plan).failures]
    listed = {"external-secrets.io/ExternalSecret", "external-secrets.io/SecretStore"} & set(UNCHECKED)

    assert len(failures) == 2 - len(listed)
    assert all("has no check" in failure for failure in failures)
