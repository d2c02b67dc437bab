"""What the gateway demands of requests, as policies of Envoy Gateway.

Each holds for the whole listener, and stands before any route does: what is not asked of one route is asked of none.
https://gateway.envoyproxy.io/docs/api/extension_types/
"""

from typing import Any

from infra.settings.gateway import AuthenticationSettings, GatewaySettings, JwtSettings, RateLimitSettings

CLIENT_HEADER = "x-client-id"
"""Which client asks: the gateway sets it, over whatever the client sent, once it has checked who that is."""

# The server waits 10 s for the model unless settings say otherwise; it answers 504 itself, before the gateway does.
REQUEST_SECONDS = 10
MARGIN_SECONDS = 20

# Under the 75 s after which the server closes an idle connection: else a request might be sent into a closing one.
IDLE_SECONDS = 60

# How many requests a proxy has under way. The servers bound their own queues, and say 429; this bounds the proxy.
MOST_REQUESTS = 16_384


def client_traffic() -> dict[str, Any]:
    """How clients connect: TLS 1.2 at least, no slow handshakes or headers, and no path that means two things."""
    return {
        "tls": {"minVersion": "1.2"},
        "timeout": {
            "tcp": {"tlsHandshakeTimeout": "10s"},
            "http": {"requestHeadersReceivedTimeout": "10s", "idleTimeout": "300s"},
        },
        "connection": {"connectionLimit": {"value": MOST_REQUESTS}},
        "path": {"escapedSlashesAction": "RejectRequest"},
    }


def backend_traffic(settings: GatewaySettings, request_timeout_seconds: float | None) -> dict[str, Any]:
    """How the proxies ask the servers: within bounds, and once. A retry would hide a lost request, or double a load."""
    seconds = (request_timeout_seconds or REQUEST_SECONDS) + MARGIN_SECONDS
    traffic: dict[str, Any] = {
        "timeout": {
            "tcp": {"connectTimeout": "5s"},
            "http": {"requestTimeout": f"{seconds:g}s", "connectionIdleTimeout": f"{IDLE_SECONDS}s"},
        },
        "circuitBreaker": {
            "maxConnections": MOST_REQUESTS,
            "maxPendingRequests": MOST_REQUESTS,
            "maxParallelRequests": MOST_REQUESTS,
            "maxParallelRetries": 0,
        },
    }
    return traffic | ({"rateLimit": _rate_limit(settings.rate_limit)} if settings.rate_limit else {})


def _rate_limit(settings: RateLimitSettings) -> dict[str, Any]:
    """A bucket for each client (https://gateway.envoyproxy.io/docs/tasks/traffic/local-rate-limit/)."""
    clients = {"headers": [{"name": CLIENT_HEADER, "type": "Distinct"}]}
    limit = {"requests": settings.requests_per_second, "unit": "Second"}
    return {"local": {"rules": [{"clientSelectors": [clients], "limit": limit}]}}


def security(settings: AuthenticationSettings, keys_secret: str) -> dict[str, Any]:
    """Who may ask; `keys_secret` is the Secret with the clients' keys by their names."""
    if settings.jwt:
        return {"jwt": {"providers": [_jwt_provider(settings.jwt)]}}
    keys = {
        "credentialRefs": [{"group": "", "kind": "Secret", "name": keys_secret}],
        # Envoy itself takes the word Bearer off.
        "extractFrom": [{"headers": ["X-API-Key", "Authorization"]}],
        "forwardClientIDHeader": CLIENT_HEADER,
        "sanitize": True,
    }
    return {"apiKeyAuth": keys}


def _jwt_provider(settings: JwtSettings) -> dict[str, Any]:
    """A token's subject is the client (https://www.rfc-editor.org/rfc/rfc9068#section-2.2)."""
    return {
        "name": "clients",
        "issuer": settings.issuer,
        "audiences": list(settings.audiences),
        "remoteJWKS": {"uri": settings.jwks_url},
        # Without this Envoy would also take tokens out of URLs, which end up in logs.
        "extractFrom": {"headers": [{"name": "Authorization", "valuePrefix": "Bearer "}]},
        "claimToHeaders": [{"claim": "sub", "header": CLIENT_HEADER}],
    }
