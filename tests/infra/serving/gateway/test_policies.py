import json
from typing import Any

import pytest

from inference_app.http.turns import KEEP_ALIVE_SECONDS
from inference_app.settings import Settings as ServerSettings
from infra.serving.gateway.policies import CLIENT_HEADER, IDLE_SECONDS, backend_traffic, client_traffic, security
from infra.settings.gateway import GatewaySettings

KEYS = {"apiKeys": {"shop": "key-of-shop"}}
JWT = {
    "jwt": {
        "issuer": "https://login.example.com/",
        "audiences": ["predict"],
        "jwksUrl": "https://login.example.com/keys",
    }
}


def gateway(**changes: object) -> GatewaySettings:
    block = {"hostName": "predict.example.com", "tls": {"clusterIssuer": "company"}, **changes}
    return GatewaySettings.model_validate_json(json.dumps(block))


def demanded(**authentication: object) -> dict[str, Any]:
    found = gateway(authentication=authentication).authentication
    assert found
    return security(found, "keys")


def test_a_key_is_taken_from_either_header_and_goes_no_further() -> None:
    assert demanded(**KEYS) == {
        "apiKeyAuth": {
            "credentialRefs": [{"group": "", "kind": "Secret", "name": "keys"}],
            "extractFrom": [{"headers": ["X-API-Key", "Authorization"]}],
            "forwardClientIDHeader": CLIENT_HEADER,
            "sanitize": True,
        }
    }


def test_a_token_is_checked_for_its_issuer_and_audience_and_not_taken_from_urls() -> None:
    (provider,) = demanded(**JWT)["jwt"]["providers"]

    assert provider["issuer"] == "https://login.example.com/"
    assert provider["audiences"] == ["predict"]
    assert provider["remoteJWKS"] == {"uri": "https://login.example.com/keys"}
    assert provider["extractFrom"] == {"headers": [{"name": "Authorization", "valuePrefix": "Bearer "}]}


@pytest.mark.parametrize("authentication", [KEYS, JWT])
def test_the_limit_counts_those_whom_authentication_names(authentication: dict[str, Any]) -> None:
    settings = gateway(authentication=authentication, rateLimit={"requestsPerSecond": 100})
    (rule,) = backend_traffic(settings, None)["rateLimit"]["local"]["rules"]

    assert rule["limit"] == {"requests": 100, "unit": "Second"}
    assert rule["clientSelectors"] == [{"headers": [{"name": CLIENT_HEADER, "type": "Distinct"}]}]
    assert CLIENT_HEADER in json.dumps(demanded(**authentication))


def test_without_a_limit_nobody_is_counted() -> None:
    assert "rateLimit" not in backend_traffic(gateway(), None)


@pytest.mark.parametrize(("asked", "given"), [(None, "30s"), (0.5, "20.5s"), (120, "140s")])
def test_the_server_gives_up_before_the_gateway_does(asked: float | None, given: str) -> None:
    assert backend_traffic(gateway(), asked)["timeout"]["http"]["requestTimeout"] == given
    assert float(given.removesuffix("s")) > (asked or ServerSettings().request_timeout_seconds)


def test_the_gateway_leaves_an_idle_connection_before_the_server_does() -> None:
    assert backend_traffic(gateway(), None)["timeout"]["http"]["connectionIdleTimeout"] == f"{IDLE_SECONDS}s"
    assert IDLE_SECONDS < KEEP_ALIVE_SECONDS


def test_no_request_is_sent_twice() -> None:
    traffic = backend_traffic(gateway(), None)

    assert "retry" not in traffic
    assert traffic["circuitBreaker"]["maxParallelRetries"] == 0


def test_old_tls_and_paths_that_mean_two_things_are_refused() -> None:
    assert client_traffic()["tls"] == {"minVersion": "1.2"}
    assert client_traffic()["path"] == {"escapedSlashesAction": "RejectRequest"}
