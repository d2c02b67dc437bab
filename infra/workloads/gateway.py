"""The gateway in front of a cluster's model, and what brings its proxies, its secrets and its certificate."""

from collections.abc import Sequence

import pulumi

from infra.addons.envoy_gateway import EnvoyGateway, EnvoyGatewayArgs
from infra.serving import network_policy, pod
from infra.serving.gateway.certificate import GatewayCertificate, GatewayCertificateArgs
from infra.serving.gateway.gateway import Gateway, GatewayArgs
from infra.settings.gateway import GatewaySettings
from infra.settings.serving import Exposure, ServingSettings
from infra.workloads.place import Place


def gateway_of(
    place: Place,
    serving: ServingSettings,
    gateway: GatewaySettings,
    request_timeout_seconds: float | None,
    after: Sequence[pulumi.Resource],
) -> Gateway:
    """The gateway; `after` brings the namespace, the secrets that it names, and cert-manager where it needs that."""
    cluster, is_open = place.cluster, serving.exposure is Exposure.NETWORK
    made = [*_controller(place, serving, gateway, after), *_certificate(place, serving, gateway, after)]
    args = GatewayArgs(
        settings=gateway,
        namespace=serving.namespace,
        class_name=gateway.class_name or EnvoyGateway.class_name,
        proxy_namespace=gateway.controller_namespace,
        balancer=cluster.internal_load_balancer if is_open else None,
        request_timeout_seconds=request_timeout_seconds,
        after=[*after, *(cluster.ready if is_open else []), *made],
    )
    found = Gateway(place.name("gateway"), args, place.on())
    pulumi.export(place.name("gateway"), {"url": found.url, "address": found.address})
    return found


def _controller(
    place: Place, serving: ServingSettings, gateway: GatewaySettings, after: Sequence[pulumi.Resource]
) -> Sequence[pulumi.Resource]:
    if gateway.class_name:
        return []
    networks = [place.cluster.network_cidr] if serving.exposure is Exposure.NETWORK else []
    authentication = gateway.authentication
    args = EnvoyGatewayArgs(
        namespace=serving.namespace,
        ports=list(pod.ports(serving).values()),
        clients=network_policy.clients(serving.client_namespaces, networks),
        jwks_port=authentication.jwt.jwks_port if authentication and authentication.jwt else None,
        chart_mirror=place.mirror,
        after=after,
    )
    return [EnvoyGateway(place.name("envoy-gateway"), args, place.on())]


def _certificate(
    place: Place, serving: ServingSettings, gateway: GatewaySettings, after: Sequence[pulumi.Resource]
) -> Sequence[pulumi.Resource]:
    if gateway.tls.stored:
        return []
    args = GatewayCertificateArgs(
        host_name=gateway.host_name,
        namespace=serving.namespace,
        issuer=gateway.tls.cluster_issuer,
        acme=gateway.tls.acme,
        after=after,
    )
    return [GatewayCertificate(place.name("gateway-certificate"), args, place.on())]
