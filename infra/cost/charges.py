"""What is billed for existing: which items of the price table a resource stands for, and how many of each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.cost.prices import Cloud
from infra.cost.volumes import CLAIM, EKS_CLUSTER, MANAGED_CLUSTER, RELEASE, STATEFUL_SET, claims, cloud_of, volume_item
from infra.preview.plan import Plan, Resource

SERVICE = "kubernetes:core/v1:Service"
ENVOY_PROXY = "kubernetes:gateway.envoyproxy.io/v1alpha1:EnvoyProxy"


@dataclass(frozen=True, kw_only=True)
class Charge:
    """So many of one item, all month."""

    cloud: Cloud
    item: str
    quantity: float = 1


def charges(resource: Resource, plan: Plan) -> Iterator[Charge]:
    """What `resource` is billed for whether it is used or not, machines and endpoints apart."""
    if read := CHARGED.get(resource.type):
        yield from read(resource, plan)


def _one(cloud: Cloud, item: str) -> Callable[[Resource, Plan], Iterator[Charge]]:
    def read(resource: Resource, plan: Plan) -> Iterator[Charge]:
        del resource, plan
        yield Charge(cloud=cloud, item=item)

    return read


def _vpc_endpoint(resource: Resource, plan: Plan) -> Iterator[Charge]:
    """Billed in each zone; those of S3 are gateways, and free."""
    del plan
    if resource.inputs.get("vpcEndpointType") == "Interface":
        yield Charge(cloud=Cloud.AWS, item="interface endpoint", quantity=len(resource.inputs["subnetIds"]))


def _alarm(resource: Resource, plan: Plan) -> Iterator[Charge]:
    """Each metric that it watches counts, with anomaly detection three times.

    https://aws.amazon.com/cloudwatch/pricing/
    """
    del plan
    queries: list[dict[str, Any]] = resource.inputs.get("metricQueries", [])
    metrics = sum("metric" in query for query in queries) or 1
    bounds = 2 if resource.inputs.get("thresholdMetricId") else 0
    yield Charge(cloud=Cloud.AWS, item="alarm metric", quantity=metrics + bounds)


def _aks_tier(resource: Resource, plan: Plan) -> Iterator[Charge]:
    del plan
    sku: dict[str, str] = resource.inputs.get("sku", {})
    yield Charge(cloud=Cloud.AZURE, item=f"AKS tier {sku.get('tier', 'Free')}")


def _registry(resource: Resource, plan: Plan) -> Iterator[Charge]:
    del plan
    yield Charge(cloud=Cloud.AZURE, item=f"registry {resource.inputs['sku']['name']}")


def _prefix(resource: Resource, plan: Plan) -> Iterator[Charge]:
    del plan
    addresses = 2 ** (32 - resource.inputs["prefixLength"])
    yield Charge(cloud=Cloud.AZURE, item="public IPv4 address", quantity=addresses)


def _metric_alert(resource: Resource, plan: Plan) -> Iterator[Charge]:
    del plan
    series = len(resource.inputs["criteria"]["allOf"])
    yield Charge(cloud=Cloud.AZURE, item="alarm time series", quantity=series)


def _containers(resource: Resource, plan: Plan) -> Iterator[Charge]:
    del plan
    for container in resource.inputs["containers"]:
        asked = container["resources"]["requests"]
        yield Charge(cloud=Cloud.AZURE, item="container vCPU", quantity=asked["cpu"])
        yield Charge(cloud=Cloud.AZURE, item="container memory GiB", quantity=asked["memoryInGB"])


def _balancer(resource: Resource, plan: Plan) -> Iterator[Charge]:
    spec: dict[str, Any] = resource.inputs.get("spec", {})
    if resource.type == ENVOY_PROXY:
        spec = spec["provider"]["kubernetes"].get("envoyService", {})
    cloud = cloud_of(resource, plan)
    if cloud and spec.get("type") == "LoadBalancer":
        yield Charge(cloud=cloud, item="load balancer")


def _volumes(resource: Resource, plan: Plan) -> Iterator[Charge]:
    cloud = cloud_of(resource, plan)
    for spec in claims(resource) if cloud else ():
        if cloud and (found := volume_item(spec, resource, plan, cloud)):
            item, quantity = found
            yield Charge(cloud=cloud, item=item, quantity=quantity)


CHARGED: dict[str, Callable[[Resource, Plan], Iterator[Charge]]] = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:ec2/eip:Eip": _one(Cloud.AWS, "public IPv4 address"),
    "aws:ec2/natGateway:NatGateway": _one(Cloud.AWS, "NAT gateway"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _vpc_endpoint,
    EKS_CLUSTER: _one(Cloud.AWS, "EKS control plane"),
    "aws:kms/key:Key": _one(Cloud.AWS, "KMS key"),
    "azure-native:containerinstance:ContainerGroup": _containers,
    "azure-native:containerregistry:Registry": _registry,
    MANAGED_CLUSTER: _aks_tier,
    "azure-native:monitor:MetricAlert": _metric_alert,
    "azure-native:network:NatGateway": _one(Cloud.AZURE, "NAT gateway"),
    "azure-native:network:PrivateEndpoint": _one(Cloud.AZURE, "private endpoint"),
    "azure-native:network:PublicIPPrefix": _prefix,
    ENVOY_PROXY: _balancer,
    SERVICE: _balancer,
    CLAIM: _volumes,
    STATEFUL_SET: _volumes,
    RELEASE: _volumes,
}
