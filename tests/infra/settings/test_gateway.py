import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.gateway import GatewaySettings
from infra.settings.messages import line
from infra.settings.serving import RESERVED_NAMESPACES, ServingSettings

MARKER = "Hunter2!planted"
STORED = {"certificate": "tls-certificate", "key": "tls-key"}
JWT = {
    "issuer": "https://login.example.com/",
    "audiences": ["predict"],
    "jwksUrl": "https://login.example.com:8443/keys",
}
ROUTE53 = {"zoneId": "Z0123456789"}
AZURE_DNS = {
    "zone": "example.com",
    "resourceGroup": "dns",
    "subscriptionId": "00000000-0000-0000-0000-000000000000",
}


def block(**changes: object) -> dict[str, Any]:
    return {"hostName": "predict.example.com", "tls": {"stored": STORED}, **changes}


def read(**changes: object) -> GatewaySettings:
    return GatewaySettings.model_validate_json(json.dumps(block(**changes)))


def mistakes(**changes: object) -> list[str]:
    """What a user reads of a `serving` block whose gateway has these changes."""
    with pytest.raises(ValidationError) as caught:
        ServingSettings.model_validate_json(json.dumps({"gateway": block(**changes)}))
    return [line(error, ServingSettings) for error in caught.value.errors()]


def test_a_host_name_and_a_certificate_are_enough() -> None:
    gateway = read()

    assert (gateway.replicas, gateway.authentication, gateway.rate_limit, gateway.class_name) == (2, None, None, None)
    assert ServingSettings.model_validate_json("{}").gateway is None


def test_there_is_no_gateway_without_a_certificate() -> None:
    with pytest.raises(ValidationError) as caught:
        GatewaySettings.model_validate_json(json.dumps({"hostName": "predict.example.com"}))

    assert [line(error, GatewaySettings) for error in caught.value.errors()] == ["tls is required"]


@pytest.mark.parametrize("name", ["predict", "Predict.example.com", "*.example.com", "https://predict.example.com"])
def test_a_host_name_is_a_whole_one(name: str) -> None:
    (mistake,) = mistakes(hostName=name)

    assert mistake.startswith("gateway.hostName must match ")
    assert mistake.endswith(f", got {name}")


def test_a_certificate_comes_from_one_place() -> None:
    rule = "gateway.tls must have exactly one of stored, clusterIssuer, acme"

    assert mistakes(tls={}) == [f"{rule}, got {{}}"]
    assert mistakes(tls={"stored": STORED, "clusterIssuer": "company"})[0].startswith(rule)


def test_an_authority_is_shown_a_record_of_one_zone() -> None:
    acme = {"email": "ml@example.com"}
    rule = "gateway.tls.acme must have exactly one of route53, azureDns"

    assert mistakes(tls={"acme": acme})[0].startswith(rule)
    assert mistakes(tls={"acme": {**acme, "route53": ROUTE53, "azureDns": AZURE_DNS}})[0].startswith(rule)


@pytest.mark.parametrize(
    ("zone", "identity"),
    [
        ({"route53": ROUTE53}, "Z0123456789"),
        (
            {"azureDns": AZURE_DNS},
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/dns/providers/Microsoft.Network"
            "/dnsZones/example.com",
        ),
    ],
)
def test_a_zone_is_known_by_what_its_cloud_calls_it(zone: dict[str, Any], identity: str) -> None:
    acme = read(tls={"acme": {"email": "ml@example.com", **zone}}).tls.acme

    assert acme
    assert acme.zone.zone_id == identity
    assert acme.server == "https://acme-v02.api.letsencrypt.org/directory"


def test_clients_are_told_by_keys_or_by_tokens() -> None:
    keys = {"shop": "key-of-shop"}
    rule = "gateway.authentication must have exactly one of apiKeys, jwt"

    assert mistakes(authentication={})[0].startswith(rule)
    assert mistakes(authentication={"apiKeys": keys, "jwt": JWT})[0].startswith(rule)


@pytest.mark.parametrize("keys", [MARKER, [MARKER], {"shop": MARKER}])
def test_a_key_in_the_place_of_its_name_is_not_shown(keys: object) -> None:
    found = mistakes(authentication={"apiKeys": keys})

    assert len(found) == 1
    assert found[0].startswith("gateway.authentication.apiKeys")
    assert MARKER not in found[0]


def test_keys_without_clients_would_keep_everybody_out() -> None:
    assert mistakes(authentication={"apiKeys": {}}) == [
        "gateway.authentication.apiKeys must have at least 1 items, got 0"
    ]


def test_a_token_is_for_somebody_and_its_keys_are_fetched_in_private() -> None:
    authentication = read(authentication={"jwt": JWT}).authentication

    assert authentication
    assert authentication.jwt
    assert authentication.jwt.jwks_port == 8443
    assert mistakes(authentication={"jwt": {**JWT, "audiences": []}})[0].endswith("must have at least 1 items, got 0")
    assert "jwksUrl must match ^https://" in mistakes(authentication={"jwt": {**JWT, "jwksUrl": "http://a.example"}})[0]


def test_a_limit_for_each_client_needs_clients_that_are_told_apart() -> None:
    limit = {"requestsPerSecond": 100}

    assert mistakes(rateLimit=limit) == [
        "gateway.rateLimit needs authentication, which tells clients apart; add it, or remove rateLimit"
    ]
    assert read(rateLimit=limit, authentication={"apiKeys": {"shop": "key-of-shop"}}).rate_limit


def test_the_stacks_own_envoy_gateway_has_its_own_namespace() -> None:
    assert read().controller_namespace in RESERVED_NAMESPACES
    assert read(className="shared", controllerNamespace="gateways").controller_namespace == "gateways"
    assert mistakes(controllerNamespace="gateways") == [
        "gateway.controllerNamespace must be envoy-gateway-system where className is absent, got gateways; "
        "add className, or remove it"
    ]


def test_the_secrets_that_it_needs_are_listed() -> None:
    keys = {"apiKeys": {"shop": "key-of-shop", "app": "key-of-app"}}

    assert read(authentication=keys).secrets == ("key-of-shop", "key-of-app", "tls-certificate", "tls-key")
    assert read(tls={"clusterIssuer": "company"}).secrets == ()
