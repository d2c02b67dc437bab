import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from infra.clusters.cluster import Cluster, SecretStore, ServiceAccount
from infra.copied_secrets import CopiedSecretsArgs, external_secret_spec, store_for, store_spec, vault_store
from infra.settings import SettingsError
from infra.settings.secrets import VaultSettings

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
VAULT: dict[str, Any] = {"server": "https://vault.example.com:8200", "role": "model-server"}
AWS = SecretStore(provider={"aws": {"service": "SecretsManager", "region": "eu-west-1"}})
ARGS = CopiedSecretsArgs(namespace="serving", store=AWS, controller_class="ours", refresh_minutes=60)
NAMES = {"WANDB_API_KEY": "wandb", "ADMIN_TOKEN": "model-server-admin-token"}


def vault(**changes: object) -> VaultSettings:
    return VaultSettings.model_validate_json(json.dumps({**VAULT, **changes}))


def test_only_the_operator_of_its_class_obeys_the_store() -> None:
    assert store_spec(AWS, "ours") == {"controller": "ours", "provider": AWS.provider}


def test_every_key_takes_the_value_of_its_secret() -> None:
    spec = external_secret_spec(ARGS, "store", "target", NAMES)

    assert spec["refreshInterval"] == "60m"
    assert spec["target"] == {"name": "target", "creationPolicy": "Owner", "deletionPolicy": "Retain"}
    assert spec["data"] == [
        {"secretKey": "ADMIN_TOKEN", "remoteRef": {"key": "model-server-admin-token"}},
        {"secretKey": "WANDB_API_KEY", "remoteRef": {"key": "wandb"}},
    ]


def test_the_value_of_a_secret_that_is_a_map_is_at_one_key_of_it() -> None:
    spec = external_secret_spec(replace(ARGS, store=vault_store(vault(), "eks")), "store", "target", NAMES)

    assert {each["remoteRef"]["property"] for each in spec["data"]} == {"value"}


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

    assert store_for("eks-secrets", cast("Cluster", cluster), None, READER, secrets.values()) == AWS
    assert cluster.asked == [("eks-secrets", READER, ["key", "token"])]


def test_a_vault_is_there_for_every_cluster() -> None:
    cluster = CloudCluster(AWS)

    assert store_for("eks-secrets", cast("Cluster", cluster), vault(), READER, ["token"]) == vault_store(vault(), "eks")
    assert cluster.asked == []


def test_a_cluster_without_a_store_needs_a_vault() -> None:
    with pytest.raises(SettingsError, match=r"secrets\.vault must be given .* and eks has no store"):
        store_for("eks-secrets", cast("Cluster", CloudCluster(None)), None, READER, ["token"])


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
