"""The VPC of a stack: public subnets for load balancers and NAT, private ones for nodes and pods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import islice

import pulumi
import pulumi_aws as aws

from infra.settings.aws import NetworkSettings


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """`name` is the stack's; it marks the subnets that Karpenter may use."""

    settings: NetworkSettings
    name: str


@dataclass(frozen=True)
class Zone:
    """One availability zone's share of the VPC."""

    name: str
    private: IPv4Network
    public: IPv4Network


def zones(settings: NetworkSettings) -> list[Zone]:
    """A quarter of the VPC for each private subnet, a sixteenth for each public one, from the fourth quarter."""
    *quarters, last = settings.cidr.subnets(prefixlen_diff=2)
    publics = last.subnets(prefixlen_diff=2)
    return [Zone(*parts) for parts in zip(settings.zones, islice(quarters, 3), publics, strict=False)]


class Network(pulumi.ComponentResource):
    """A VPC over two or three zones whose private subnets reach the internet through NAT."""

    vpc_id: pulumi.Output[str]
    cidr: str
    zones: Sequence[str]
    private_subnet_ids: Sequence[pulumi.Output[str]]
    """One for each of `zones`, in their order."""
    private_route_table_ids: Sequence[pulumi.Output[str]]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:aws:Network", name, None, opts)
        self._name, self._stack = name, args.name
        self._child = pulumi.ResourceOptions(parent=self)
        self._vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=str(args.settings.cidr),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": args.name},
            opts=self._child,
        )
        # Without rules: what forgets to name a security group can talk to nobody.
        aws.ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=self._vpc.id, ingress=[], egress=[], opts=self._child)
        parts = zones(args.settings)
        routes = self._public_routes()
        publics = [self._public_subnet(zone, routes) for zone in parts]
        gateways = [
            self._nat_gateway(zone, public)
            for zone, public in zip(parts[: args.settings.nat_gateways], publics, strict=False)
        ]
        tables = [self._private_routes(zone, gateways[i % len(gateways)]) for i, zone in enumerate(parts)]
        privates = [self._private_subnet(zone, table) for zone, table in zip(parts, tables, strict=True)]
        self.vpc_id, self.cidr = self._vpc.id, str(args.settings.cidr)
        self.zones = args.settings.zones
        self.private_subnet_ids = [subnet.id for subnet in privates]
        self.private_route_table_ids = [table.id for table in tables]
        self.register_outputs({"vpcId": self.vpc_id, "privateSubnetIds": self.private_subnet_ids})

    def _public_routes(self) -> aws.ec2.RouteTable:
        name = f"{self._name}-public"
        gateway = aws.ec2.InternetGateway(f"{self._name}-internet", vpc_id=self._vpc.id, opts=self._child)
        table = aws.ec2.RouteTable(name, vpc_id=self._vpc.id, tags=self._tags("public"), opts=self._child)
        self._default_route(name, table, gateway_id=gateway.id)
        return table

    def _public_subnet(self, zone: Zone, routes: aws.ec2.RouteTable) -> aws.ec2.Subnet:
        # The role tag is where the load balancer controller puts internet-facing load balancers.
        return self._subnet("public", zone, zone.public, routes, {"kubernetes.io/role/elb": "1"})

    def _private_routes(self, zone: Zone, nat: aws.ec2.NatGateway) -> aws.ec2.RouteTable:
        name = f"{self._name}-private-{zone.name}"
        tags = self._tags(f"private-{zone.name}")
        table = aws.ec2.RouteTable(name, vpc_id=self._vpc.id, tags=tags, opts=self._child)
        self._default_route(name, table, nat_gateway_id=nat.id)
        return table

    def _private_subnet(self, zone: Zone, routes: aws.ec2.RouteTable) -> aws.ec2.Subnet:
        roles = {"kubernetes.io/role/internal-elb": "1", "karpenter.sh/discovery": self._stack}
        return self._subnet("private", zone, zone.private, routes, roles)

    def _nat_gateway(self, zone: Zone, subnet: aws.ec2.Subnet) -> aws.ec2.NatGateway:
        name, tags = f"{self._name}-nat-{zone.name}", self._tags(f"nat-{zone.name}")
        address = aws.ec2.Eip(name, domain="vpc", tags=tags, opts=self._child)
        return aws.ec2.NatGateway(
            name, subnet_id=subnet.id, allocation_id=address.allocation_id, tags=tags, opts=self._child
        )

    def _subnet(
        self, kind: str, zone: Zone, cidr: IPv4Network, routes: aws.ec2.RouteTable, roles: Mapping[str, str]
    ) -> aws.ec2.Subnet:
        name = f"{self._name}-{kind}-{zone.name}"
        subnet = aws.ec2.Subnet(
            name,
            vpc_id=self._vpc.id,
            availability_zone=zone.name,
            cidr_block=str(cidr),
            map_public_ip_on_launch=False,
            tags=self._tags(f"{kind}-{zone.name}") | dict(roles),
            opts=self._child,
        )
        aws.ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=routes.id, opts=self._child)
        return subnet

    def _default_route(
        self,
        name: str,
        table: aws.ec2.RouteTable,
        gateway_id: pulumi.Input[str] | None = None,
        nat_gateway_id: pulumi.Input[str] | None = None,
    ) -> None:
        aws.ec2.Route(
            name,
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway_id,
            nat_gateway_id=nat_gateway_id,
            opts=self._child,
        )

    def _tags(self, part: str) -> dict[str, str]:
        return {"Name": f"{self._stack}-{part}"}
