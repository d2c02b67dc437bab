import json
from collections import Counter
from typing import Any

import pulumi

from infra.clusters.cluster import Cluster, SecretStore
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.serving.gateway.secrets import GatewaySecrets, GatewaySecretsArgs, secret_specs
from infra.serving.secrets import STORE as SERVERS_STORE
from infra.settings.gateway import GatewaySettings
from tests.infra.samples import children, on_cluster, waits_for

STORE, EXTERNAL = "kubernetes:external-secrets.io/v1:SecretStore", "kubernetes:external-secrets.io/v1:ExternalSecret"
STORED = {"stored": {"certificate": "tls-certificate", "key": "tls-key"}}
KEYS = {"apiKeys": {"shop": "key-of-shop", "app": "key-of-app"}}


def args(tls: Any = STORED, authentication: Any = KEYS, value_key: str | None = None) -> GatewaySecretsArgs:
    block = {"hostName": "predict.example.com", "tls": tls, "authentication": authentication}
    return GatewaySecretsArgs(
        settings=GatewaySettings.model_validate_json(json.dumps(block)),
        namespace="serving",
        store=SecretStore(provider={"aws": {"service": "SecretsManager", "region": "eu-west-1"}}, value_key=value_key),
        controller_class="ours",
        refresh_minutes=60,
    )


def preview() -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        GatewaySecrets("gateway-secrets", args(), opts)

    return on_cluster(build)


def test_keys_and_certificate_are_copied_from_the_gateways_own_store() -> None:
    plan = preview()
    store = plan.one(STORE)

    assert children(plan, "inference:serving:GatewaySecrets") == Counter([STORE, EXTERNAL, EXTERNAL])
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert store.inputs["metadata"]["name"] != SERVERS_STORE
    assert store.inputs["spec"]["controller"] == "ours"
    for copied in plan.of_type(EXTERNAL):
        assert copied.inputs["spec"]["secretStoreRef"] == {
            "kind": "SecretStore",
            "name": store.inputs["metadata"]["name"],
        }
        assert copied.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
        assert waits_for(plan, copied, store)


def test_each_client_has_a_key_by_its_name() -> None:
    spec = secret_specs(args())["gateway-api-keys"]

    assert spec["data"] == [
        {"secretKey": "app", "remoteRef": {"key": "key-of-app"}},
        {"secretKey": "shop", "remoteRef": {"key": "key-of-shop"}},
    ]
    assert spec["target"]["name"] == "gateway-api-keys"


def test_a_certificate_has_the_type_that_listeners_take() -> None:
    spec = secret_specs(args())["gateway-tls"]

    assert spec["target"]["template"] == {"type": "kubernetes.io/tls"}
    assert {each["secretKey"]: each["remoteRef"]["key"] for each in spec["data"]} == {
        "tls.crt": "tls-certificate",
        "tls.key": "tls-key",
    }


def test_a_store_whose_secrets_are_maps_is_asked_for_the_value() -> None:
    spec = secret_specs(args(value_key="value"))["gateway-tls"]

    assert {each["remoteRef"]["property"] for each in spec["data"]} == {"value"}


def test_only_what_is_in_the_store_is_copied() -> None:
    assert list(secret_specs(args(tls={"clusterIssuer": "company"}))) == ["gateway-api-keys"]
    assert list(secret_specs(args(authentication=None))) == ["gateway-tls"]
