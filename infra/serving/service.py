"""The Services that clients, routes and Prometheus find the server's pods by."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import ServicePortArgsDict, ServiceSpecArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from inference_app.contract import GRPC_PORT
from infra.clusters.cluster import InternalLoadBalancer
from infra.serving import pod
from infra.settings.serving import ServingSettings

HTTP_PORT = 80


def make_service(
    name: str,
    metadata: ObjectMetaArgsDict,
    spec: ServiceSpecArgsDict,
    balancer: InternalLoadBalancer | None,
    opts: pulumi.ResourceOptions,
) -> kubernetes.core.v1.Service:
    """A Service inside the cluster, or one with an internal load balancer."""
    if balancer:
        metadata = metadata | {"annotations": dict(balancer.annotations)}
    return kubernetes.core.v1.Service(name, metadata=metadata, spec=spec | exposed(balancer), opts=opts)


def selecting(labels: Mapping[str, str], settings: ServingSettings) -> ServiceSpecArgsDict:
    """Port 80 for HTTP, and for gRPC, where it is on, the port that the server itself has."""
    return with_ports(labels, GRPC_PORT if settings.grpc else None)


def with_ports(labels: Mapping[str, str], grpc_port: int | None) -> ServiceSpecArgsDict:
    """Port 80 for HTTP, and `grpc_port` for gRPC, where there is one."""
    http: ServicePortArgsDict = {"name": pod.PORT_NAME, "port": HTTP_PORT, "target_port": pod.PORT_NAME}
    if grpc_port is None:
        return {"selector": labels, "ports": [http]}
    grpc: ServicePortArgsDict = {
        "name": pod.GRPC_PORT_NAME,
        "port": grpc_port,
        "target_port": pod.GRPC_PORT_NAME,
        # So that gateways and meshes spread calls, not connections
        # (https://gateway-api.sigs.k8s.io/guides/user-guides/backend-protocol/).
        "app_protocol": "kubernetes.io/h2c",
    }
    return {"selector": labels, "ports": [http, grpc]}


def exposed(balancer: InternalLoadBalancer | None) -> ServiceSpecArgsDict:
    """Reached by name in the cluster, or from its network too."""
    if balancer is None:
        return {"type": "ClusterIP"}
    return {
        "type": "LoadBalancer",
        "load_balancer_class": balancer.load_balancer_class,
        "external_traffic_policy": balancer.external_traffic_policy,
    }


def url(
    service: kubernetes.core.v1.Service, namespace: str, balancer: InternalLoadBalancer | None
) -> pulumi.Output[str]:
    """Where clients find it: the load balancer's host, or the Service's name inside the cluster."""
    if balancer is None:
        return pulumi.Output.concat("http://", service.metadata.name, ".", namespace, ".svc")
    ingress = service.status.load_balancer.ingress[0]
    return pulumi.Output.concat("http://", ingress.apply(lambda entry: entry.hostname or entry.ip))
