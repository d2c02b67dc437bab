"""The `serving.gateway` block: the URL that clients call, and what a request passes before it reaches a server."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from infra.settings.model import DnsLabel, Settings, distinct, unit
from infra.settings.secrets import SecretName, is_map, unshown
from infra.settings.storage import OneOf

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
ENVOY_GATEWAY_NAMESPACE = "envoy-gateway-system"
"""Where Envoy Gateway and its proxies run, unless somebody put them elsewhere."""

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
HostName = Annotated[str, Field(pattern=rf"^({_LABEL}\.)+{_LABEL}$", max_length=253)]
HttpsUrl = Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$", max_length=253)]


class Route53Settings(Settings):
    """A public hosted zone of the stack's AWS account."""

    zone_id: Annotated[str, Field(pattern=r"^Z[A-Z0-9]{1,31}$")]
    """Its ID, as `Z0123456789ABCDEFGHIJ`."""


class AzureDnsSettings(Settings):
    """A public DNS zone in Azure."""

    zone: HostName
    """Its name, as `example.com`."""
    resource_group: Annotated[str, Field(pattern=r"^[-A-Za-z0-9_.()]{1,90}$")]
    """Resource group that it is in."""
    subscription_id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    """Subscription that it is in."""

    @property
    def zone_id(self) -> str:
        """The zone's resource ID."""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/Microsoft.Network/dnsZones/{self.zone}"


class AcmeSettings(OneOf):
    """Certificates of a public authority, renewed by cert-manager, which the stack installs.

    The authority asks for a record in a public zone (DNS-01), as it could not reach an internal gateway. Exactly one of
    `route53` and `azureDns`.
    """

    alternatives = ("route53", "azure_dns")

    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    """Whom the authority writes to when a certificate is about to expire."""
    server: HttpsUrl = LETS_ENCRYPT
    """The authority's ACME directory; absent means Let's Encrypt."""
    route53: Route53Settings | None = None
    """The zone of the host name, for clusters of `eks`."""
    azure_dns: AzureDnsSettings | None = None
    """The zone of the host name, for clusters of `aks`."""

    @property
    def zone(self) -> Route53Settings | AzureDnsSettings:
        """The zone that is given."""
        return next(zone for zone in (self.route53, self.azure_dns) if zone)


class StoredCertificateSettings(Settings):
    """A certificate that somebody else renews, in PEM, by the names of its parts in the store of `secrets`."""

    certificate: SecretName
    """The certificate, followed by those that it is signed with."""
    key: SecretName
    """Its private key."""


class TlsSettings(OneOf):
    """Where the host name's certificate comes from. Exactly one of its keys."""

    stored: StoredCertificateSettings | None = None
    """The store of secrets; a new certificate there is taken over within `secrets.refreshMinutes`."""
    cluster_issuer: DnsLabel | None = None
    """A ClusterIssuer of the cert-manager that the clusters have already."""
    acme: AcmeSettings | None = None
    """A public authority, asked by a cert-manager that the stack installs."""


class JwtSettings(Settings):
    """Bearer tokens of an identity provider; the gateway checks signature, issuer, audience and expiry."""

    issuer: HttpsUrl
    """Who must have issued a token: its claim `iss`, exactly."""
    audiences: Annotated[tuple[str, ...], Field(min_length=1, max_length=8), AfterValidator(distinct)]
    """Whom a token must be for, one of these in its claim `aud`: one for another service is refused."""
    jwks_url: HttpsUrl
    """Where the issuer's public keys are; the gateway's proxies must reach it."""

    @property
    def jwks_port(self) -> int:
        """TCP port of `jwks_url`."""
        return urlsplit(self.jwks_url).port or 443


ApiKeys = Annotated[
    dict[DnsLabel, SecretName],
    Field(min_length=1),
    unshown(is_map, "must be clients, each with the name of a secret, as {shop: model-server-key-of-shop}"),
]


class AuthenticationSettings(OneOf):
    """Who may ask the model; others get 401, or 403 with a token for another audience. Exactly one of its keys."""

    api_keys: ApiKeys | None = None
    """Clients, each with the name of the secret that holds its key in the store of `secrets`. Clients send the key as
    `X-API-Key`, or as `Authorization: Bearer`."""
    jwt: JwtSettings | None = None
    """Tokens of an identity provider, sent as `Authorization: Bearer`."""


class RateLimitSettings(Settings):
    """How much one client may ask; what is more gets 429."""

    requests_per_second: Annotated[int, Field(ge=1, le=100_000), unit("requests/s")]
    """Requests that one client may send in a second, all at once if it likes, to each kind of path. Each of the
    gateway's proxies counts for itself, so a client with several connections may get through as many times more."""


class GatewaySettings(Settings):
    """A gateway in front of the model server: one host name, TLS, who may ask, and how much."""

    host_name: HostName
    """Name that clients call, as `predict.example.com`. Its DNS record points to `address` in the output that is named
    after the cluster, as `eks-gateway`."""
    tls: TlsSettings
    """Certificate of the host name; there is no plain HTTP."""
    authentication: AuthenticationSettings | None = None
    """Who may ask the model; absent lets in everybody whom `exposure` and `clientNamespaces` let near."""
    rate_limit: RateLimitSettings | None = None
    """Bound for each client that `authentication` tells apart; absent means none."""
    replicas: Annotated[int, Field(ge=1, le=20), unit("pods")] = 2
    """Proxies that stand side by side."""
    class_name: DnsLabel | None = None
    """GatewayClass of an Envoy Gateway that the clusters have already; absent installs one."""
    controller_namespace: DnsLabel = ENVOY_GATEWAY_NAMESPACE
    """Where that Envoy Gateway runs, and so its proxies; goes with `className`."""

    @model_validator(mode="after")
    def _limits_have_clients(self) -> Self:
        if self.rate_limit and not self.authentication:
            raise ValueError("rateLimit needs authentication, which tells clients apart; add it, or remove rateLimit")
        return self

    @model_validator(mode="after")
    def _only_others_run_elsewhere(self) -> Self:
        elsewhere = self.controller_namespace != ENVOY_GATEWAY_NAMESPACE
        if elsewhere and not self.class_name:
            raise ValueError(
                f"controllerNamespace must be {ENVOY_GATEWAY_NAMESPACE} where className is absent, got "
                f"{self.controller_namespace}; add className, or remove it"
            )
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets in the store that the gateway needs."""
        keys = self.authentication.api_keys if self.authentication else None
        stored = self.tls.stored
        return (*(keys or {}).values(), *((stored.certificate, stored.key) if stored else ()))
