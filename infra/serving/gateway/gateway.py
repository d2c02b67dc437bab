"""The gateway in front of the model server: one host name with TLS, and what it demands of requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1.outputs import ServiceStatus

from infra.clusters.cluster import InternalLoadBalancer
from infra.serving.gateway import policies
from infra.serving.gateway.secrets import KEYS_SECRET, TLS_SECRET
from infra.serving.traffic.parent import Parent
from infra.settings.gateway import GatewaySettings

GATEWAY = "model-server"
LISTENER = "https"
HTTPS_PORT = 443

# https://gateway.envoyproxy.io/docs/tasks/operations/customize-envoyproxy/
PROXY_RESOURCES = {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}

# A load balancer goes on sending connections to a proxy for a while after it has heard that the proxy leaves.
LEAVING, DRAIN = "90s", "120s"

POLICIES = "gateway.envoyproxy.io/v1alpha1"
# A policy's conditions are below those whom it holds for. RFC 9535's `match` needs no sign that is an annotation's own.
ACCEPTED = "jsonpath={.status.ancestors[0].conditions[?match(@.type, 'Accepted')].status}=True"
NO_ADDRESS = "none yet: run `pulumi up --refresh` once the load balancer has one"


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """A Gateway of the class `class_name` in `namespace`; its proxies run in `proxy_namespace`.

    With a `balancer` the cluster's network reaches it, else the cluster alone. `after` brings the class, and the
    Secrets with the certificate and the keys. `request_timeout_seconds` is how long a server waits for the model.
    """

    settings: GatewaySettings
    namespace: str
    class_name: str
    proxy_namespace: str
    balancer: InternalLoadBalancer | None = None
    request_timeout_seconds: float | None = None
    after: Sequence[pulumi.Resource] = ()


class Gateway(pulumi.ComponentResource):
    """One URL, `https://<host name>`; nothing is behind it until a route hangs on `parent`.

    A route waits until every policy was accepted, so the model is never open to those whom a policy keeps out.
    """

    url: str
    address: pulumi.Output[str]
    """What the host name's DNS record is to point to: a host or an IP address."""
    parent: Parent

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:Gateway", name, None, opts)
        self._name, self._args = name, args
        self.url = f"https://{args.settings.host_name}"
        proxy = self._object("EnvoyProxy", POLICIES, proxy_spec(args), args.after)
        gateway = self._object(
            "Gateway", "gateway.networking.k8s.io/v1", gateway_spec(args), [proxy], "condition=Programmed"
        )
        demanded = [
            self._object(kind, POLICIES, spec, [gateway], ACCEPTED) for kind, spec in policy_specs(args).items()
        ]
        self.address = self._address(gateway)
        self.parent = Parent(
            name=GATEWAY,
            namespace=args.namespace,
            section_name=LISTENER,
            hostnames=[args.settings.host_name],
            url=self.url,
            proxy_namespace=args.proxy_namespace,
            proxy_labels=proxy_labels(args.namespace),
            after=[gateway, *demanded],
        )
        self.register_outputs({"url": self.url, "address": self.address})

    def _object(
        self,
        kind: str,
        api_version: str,
        spec: Mapping[str, Any],
        after: Sequence[pulumi.Resource],
        wait_for: str | None = None,
    ) -> kubernetes.apiextensions.CustomResource:
        annotations = {"annotations": {"pulumi.com/waitFor": wait_for}} if wait_for else {}
        return kubernetes.apiextensions.CustomResource(
            f"{self._name}-{kind.lower()}",
            api_version=api_version,
            kind=kind,
            metadata={"name": GATEWAY, "namespace": self._args.namespace, **annotations},
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _address(self, gateway: kubernetes.apiextensions.CustomResource) -> pulumi.Output[str]:
        namespace, service = self._args.proxy_namespace, service_name(self._args.namespace)
        if self._args.balancer is None:
            return pulumi.Output.from_input(f"{service}.{namespace}.svc")
        # Envoy Gateway makes the Service, so there is one only once the Gateway is there.
        found = kubernetes.core.v1.Service.get(
            self._name,
            gateway.id.apply(lambda _: f"{namespace}/{service}"),
            pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
        )
        return found.status.apply(host)


def host(status: ServiceStatus | None) -> str:
    """The load balancer's name or address. A Service that is only read is not waited for, so it may have none."""
    ingress = status.load_balancer.ingress if status and status.load_balancer else None
    if not ingress:
        return NO_ADDRESS
    return ingress[0].hostname or ingress[0].ip or NO_ADDRESS


def gateway_spec(args: GatewayArgs) -> dict[str, Any]:
    """One listener: HTTPS, for routes of its own namespace (https://gateway-api.sigs.k8s.io/reference/spec/#gateway).

    None for plain HTTP: a redirect would answer clients that had already sent their key for everybody to read.
    """
    return {
        "gatewayClassName": args.class_name,
        "infrastructure": {
            "parametersRef": {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": GATEWAY},
        },
        "listeners": [
            {
                "name": LISTENER,
                "protocol": "HTTPS",
                "port": HTTPS_PORT,
                "hostname": args.settings.host_name,
                "tls": {
                    "mode": "Terminate",
                    "certificateRefs": [{"group": "", "kind": "Secret", "name": TLS_SECRET}],
                },
                "allowedRoutes": {"namespaces": {"from": "Same"}},
            }
        ],
    }


def proxy_spec(args: GatewayArgs) -> dict[str, Any]:
    """The proxies: a Deployment, a Service and a disruption budget (https://gateway.envoyproxy.io/docs/api/extension_types/#envoyproxy)."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": proxy_labels(args.namespace)},
    }
    made = {
        "envoyDeployment": {
            "replicas": args.settings.replicas,
            "container": {"resources": PROXY_RESOURCES},
            "pod": {"topologySpreadConstraints": [spread]},
        },
        "envoyPDB": {"maxUnavailable": 1},
        "envoyService": {"name": service_name(args.namespace), **service_spec(args.balancer)},
    }
    return {
        "provider": {"type": "Kubernetes", "kubernetes": made},
        "shutdown": {"minDrainDuration": LEAVING, "drainTimeout": DRAIN},
    }


def service_name(namespace: str) -> str:
    """The proxies' Service, in a namespace that other Gateways' proxies may share."""
    return f"{namespace}-{GATEWAY}"


def service_spec(balancer: InternalLoadBalancer | None) -> dict[str, Any]:
    """The proxies' Service: inside the cluster, or with an internal load balancer."""
    if balancer is None:
        return {"type": "ClusterIP"}
    given = {
        "annotations": dict(balancer.annotations) or None,
        "loadBalancerClass": balancer.load_balancer_class,
        # Envoy Gateway's own default is Local, which loses connections where nodes without a proxy are asked.
        "externalTrafficPolicy": balancer.external_traffic_policy or "Cluster",
    }
    return {"type": "LoadBalancer", **{key: value for key, value in given.items() if value is not None}}


def policy_specs(args: GatewayArgs) -> Mapping[str, Mapping[str, Any]]:
    """The listener's policies, by kind."""
    specs = {
        "ClientTrafficPolicy": policies.client_traffic(),
        "BackendTrafficPolicy": policies.backend_traffic(args.settings, args.request_timeout_seconds),
    }
    if args.settings.authentication:
        specs["SecurityPolicy"] = policies.security(args.settings.authentication, KEYS_SECRET)
    listener = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": GATEWAY, "sectionName": LISTENER}
    return {kind: {"targetRefs": [listener], **spec} for kind, spec in specs.items()}


def proxy_labels(namespace: str) -> Mapping[str, str]:
    """What Envoy Gateway puts on this Gateway's proxies, and on nobody else's."""
    return {
        "gateway.envoyproxy.io/owning-gateway-namespace": namespace,
        "gateway.envoyproxy.io/owning-gateway-name": GATEWAY,
    }
