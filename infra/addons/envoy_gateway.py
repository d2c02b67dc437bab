"""Envoy Gateway: makes proxies out of objects of the Gateway API (https://gateway.envoyproxy.io)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.networking.v1 import NetworkPolicyPeerArgsDict, NetworkPolicySpecArgsDict

from infra.charts import release, release_namespace
from infra.namespaces.network import from_peers, peer, policy, to_anywhere, to_dns, to_peer
from infra.settings.gateway import ENVOY_GATEWAY_NAMESPACE as NAMESPACE

CONTROLLER_NAME = "gateway.envoyproxy.io/model-server"
"""Whose GatewayClasses it takes up; not the default's, so that another Envoy Gateway of the cluster does not."""

# https://gateway.envoyproxy.io/docs/tasks/operations/customize-envoyproxy/: proxies may not bind ports below 1024.
HTTPS_CONTAINER_PORT = 10443
XDS_PORT = 18000

CONTROLLER_LABELS = {"control-plane": "envoy-gateway"}
PROXY_LABELS = {"app.kubernetes.io/managed-by": "envoy-gateway", "app.kubernetes.io/component": "proxy"}


@dataclass(frozen=True, kw_only=True)
class EnvoyGatewayArgs:
    """It works for the Gateways of `namespace`, where proxies ask `ports` of pods; `after` brings the namespace.

    `clients` may call the proxies, which fetch keys from `jwks_port` of the identity provider, where there is one.
    """

    namespace: str
    ports: Sequence[int]
    clients: Sequence[NetworkPolicyPeerArgsDict]
    jwks_port: int | None = None
    chart_mirror: str | None = None
    after: Sequence[pulumi.Resource] = ()


class EnvoyGateway(pulumi.ComponentResource):
    """The controller, which reads one namespace and its own, and runs the proxies beside itself."""

    class_name = "model-server"
    namespace = NAMESPACE

    def __init__(self, name: str, args: EnvoyGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:addons:EnvoyGateway", name, None, opts)
        namespace = release_namespace(name, NAMESPACE, self)
        child = pulumi.ResourceOptions(parent=self, depends_on=[namespace])
        policies = [
            kubernetes.networking.v1.NetworkPolicy(
                f"{name}-{policy_name}",
                metadata={"name": policy_name, "namespace": NAMESPACE},
                spec=spec,
                opts=child,
            )
            for policy_name, spec in network_policies(args).items()
        ]
        chart = release(
            name,
            "gateway-helm",
            namespace=NAMESPACE,
            values=values(args.namespace),
            mirror=args.chart_mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*policies, *args.after]),
        )
        kubernetes.apiextensions.CustomResource(
            name,
            api_version="gateway.networking.k8s.io/v1",
            kind="GatewayClass",
            metadata={"name": self.class_name, "annotations": {"pulumi.com/waitFor": "condition=Accepted"}},
            spec={"controllerName": CONTROLLER_NAME},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[chart]),
        )
        self.register_outputs({"className": self.class_name, "namespace": NAMESPACE})


def values(namespace: str) -> Mapping[str, Any]:
    """The chart's values (https://gateway.envoyproxy.io/docs/install/gateway-helm-api/).

    Without a list of namespaces it would read every Secret of the cluster. Its own is in the list since the proxies'
    certificates are there.
    """
    watched = {"type": "Namespaces", "namespaces": [NAMESPACE, namespace]}
    configuration = {
        "gateway": {"controllerName": CONTROLLER_NAME},
        "provider": {"type": "Kubernetes", "kubernetes": {"watch": watched}},
    }
    return {
        "config": {"envoyGateway": configuration},
        # A webhook on the binding of every pod of the namespace, for the sake of routing by zone.
        "topologyInjector": {"enabled": False},
    }


def network_policies(args: EnvoyGatewayArgs) -> Mapping[str, NetworkPolicySpecArgsDict]:
    """Who may talk to whom in the namespace, by the policies' names.

    Ways out of the controller stay open: no policy can name the API server, whose address no one knows beforehand.
    """
    proxies: NetworkPolicyPeerArgsDict = {"pod_selector": {"match_labels": PROXY_LABELS}}
    return {
        "default-deny-ingress": {"pod_selector": {}, "policy_types": ["Ingress"]},
        "controller": {
            "pod_selector": {"match_labels": CONTROLLER_LABELS},
            "policy_types": ["Ingress"],
            "ingress": from_peers([proxies], XDS_PORT),
        },
        "proxies": proxy_policy(args),
    }


def proxy_policy(args: EnvoyGatewayArgs) -> NetworkPolicySpecArgsDict:
    """Clients in; out to the controller, the model servers and the identity provider's keys."""
    controller: NetworkPolicyPeerArgsDict = {"pod_selector": {"match_labels": CONTROLLER_LABELS}}
    ways = [
        to_dns(),
        to_peer(controller, XDS_PORT),
        *(to_peer(peer(args.namespace), number) for number in args.ports),
        *([to_anywhere(args.jwks_port)] if args.jwks_port else []),
    ]
    return policy(PROXY_LABELS, from_peers(args.clients, HTTPS_CONTAINER_PORT), ways)
