"""The virtual network of a stack: a subnet for nodes, one for container groups, two addresses towards the internet."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.network import DelegationArgsDict

from infra.settings.azure import AzureNetworkSettings

# Nodes reach storage accounts and key vaults as members of the subnet, which their firewalls can name
# (https://learn.microsoft.com/azure/virtual-network/virtual-network-service-endpoints-overview).
NODE_SERVICE_ENDPOINTS = ("Microsoft.KeyVault", "Microsoft.Storage")

# https://learn.microsoft.com/azure/container-instances/container-instances-virtual-network-concepts
CONTAINER_GROUPS: DelegationArgsDict = {
    "name": "container-groups",
    "service_name": "Microsoft.ContainerInstance/containerGroups",
}


@dataclass(frozen=True, kw_only=True)
class AzureNetworkArgs:
    """`resource_group_name` is the group that holds the network."""

    settings: AzureNetworkSettings
    resource_group_name: pulumi.Input[str]


@dataclass(frozen=True)
class Subnets:
    """The ranges of the subnets."""

    nodes: IPv4Network
    containers: IPv4Network


def subnets(cidr: IPv4Network) -> Subnets:
    """A quarter of the network for each; the other half stays free for private endpoints and what users add."""
    nodes, containers, *_ = cidr.subnets(prefixlen_diff=2)
    return Subnets(nodes, containers)


class AzureNetwork(pulumi.ComponentResource):
    """A virtual network whose subnets leave through one NAT gateway and let in nothing from outside.

    https://learn.microsoft.com/azure/templates/microsoft.network/virtualnetworks,
    https://learn.microsoft.com/azure/templates/microsoft.network/natgateways
    """

    node_subnet_id: pulumi.Output[str]
    container_subnet_id: pulumi.Output[str]
    outbound_cidr: pulumi.Output[str]
    cidr: str

    def __init__(self, name: str, args: AzureNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:azure:Network", name, None, opts)
        self._name, self._group = name, args.resource_group_name
        self._child = pulumi.ResourceOptions(parent=self)
        self.cidr, ranges = str(args.settings.cidr), subnets(args.settings.cidr)
        self._network = azure.network.VirtualNetwork(
            name,
            resource_group_name=self._group,
            address_space={"address_prefixes": [self.cidr]},
            opts=self._child,
        )
        # Without rules of its own: Azure's let in the network itself and its load balancers' probes.
        self._security = azure.network.NetworkSecurityGroup(name, resource_group_name=self._group, opts=self._child)
        self._gateway = self._nat_gateway()
        nodes = self._subnet("nodes", ranges.nodes, service_endpoints=NODE_SERVICE_ENDPOINTS)
        # One after the other: Azure refuses two changes of one network at a time.
        containers = self._subnet("containers", ranges.containers, delegation=CONTAINER_GROUPS, after=[nodes])
        self.node_subnet_id, self.container_subnet_id = nodes.id, containers.id
        self.register_outputs({"nodeSubnetId": nodes.id, "containerSubnetId": containers.id})

    def _nat_gateway(self) -> azure.network.NatGateway:
        # A range rather than an address: what must let the network in names one thing, and it is Azure's smallest.
        prefix = azure.network.PublicIPPrefix(
            f"{self._name}-outbound",
            resource_group_name=self._group,
            sku={"name": azure.network.PublicIPPrefixSkuName.STANDARD},
            prefix_length=31,
            opts=self._child,
        )
        self.outbound_cidr = prefix.ip_prefix
        return azure.network.NatGateway(
            f"{self._name}-outbound",
            resource_group_name=self._group,
            sku={"name": azure.network.NatGatewaySkuName.STANDARD},
            public_ip_prefixes=[{"id": prefix.id}],
            opts=self._child,
        )

    def _subnet(
        self,
        kind: str,
        cidr: IPv4Network,
        *,
        service_endpoints: Sequence[str] = (),
        delegation: DelegationArgsDict | None = None,
        after: Sequence[pulumi.Resource] = (),
    ) -> azure.network.Subnet:
        return azure.network.Subnet(
            f"{self._name}-{kind}",
            resource_group_name=self._group,
            virtual_network_name=self._network.name,
            address_prefix=str(cidr),
            nat_gateway={"id": self._gateway.id},
            network_security_group={"id": self._security.id},
            service_endpoints=[{"service": service} for service in service_endpoints],
            delegations=[delegation] if delegation else [],
            default_outbound_access=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )
