"""Quotas that count things: addresses, networks, gateways in a zone, clusters."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from infra.preflight.answer import Answer
from infra.preflight.aws import quotas
from infra.preflight.aws.client import Aws
from infra.preflight.errors import Unanswerable
from infra.preview import Plan
from infra.preview.markers import whole_marker

NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
SUBNET = "aws:ec2/subnet:Subnet"


@dataclass(frozen=True)
class CountQuota:
    """One quota: what the plan has of it, and what others have."""

    service: str
    code: str
    unit: str
    planned: Callable[[Plan], int]
    used: Callable[[Aws, Plan], int]

    @property
    def asked(self) -> str:
        """Its name in the report."""
        return f"quota {self.code}, {self.unit}"


def questions(aws: Aws, plan: Plan) -> Iterator[Answer]:
    """A row for each quota of which the plan takes some."""
    for quota in QUOTAS:
        if needed := quota.planned(plan):
            key, used = (quota.service, quota.code), _used(aws, plan, quota)
            yield quotas.row(aws, key, quota.asked, needed=needed, used=used, unit=quota.unit)


def _used(aws: Aws, plan: Plan, quota: CountQuota) -> float | Unanswerable:
    try:
        return quota.used(aws, plan)
    except Unanswerable as reason:
        return reason


def _addresses(aws: Aws, plan: Plan) -> int:
    found = aws.ask("ec2", "describe_addresses")["Addresses"]
    return sum(not quotas.is_of(plan, each.get("Tags")) for each in found)


def _networks(aws: Aws, plan: Plan) -> int:
    found = aws.ask_all("ec2", "describe_vpcs", "Vpcs")
    return sum(not quotas.is_of(plan, each.get("Tags")) for each in found)


def zones(plan: Plan) -> list[str]:
    """The zones that the plan has subnets in."""
    return sorted({subnet.inputs["availabilityZone"] for subnet in plan.of_type(SUBNET)})


def _planned_gateways(plan: Plan) -> int:
    """Those of the zone with the most."""
    of_subnet = {subnet.name: subnet.inputs["availabilityZone"] for subnet in plan.of_type(SUBNET)}
    markers = [whole_marker(gateway.inputs["subnetId"]) for gateway in plan.of_type(NAT_GATEWAY)]
    subnets = [found["path"].removesuffix(".id") for found in markers if found]
    return max(Counter(of_subnet[name] for name in subnets).values(), default=0)


def _gateways(aws: Aws, plan: Plan) -> int:
    """Those of others, in the zone of the stack with the most."""
    live = [{"Name": "state", "Values": ["pending", "available", "deleting"]}]
    gateways = aws.ask_all("ec2", "describe_nat_gateways", "NatGateways", Filter=live)
    near = [{"Name": "availability-zone", "Values": zones(plan)}]
    subnets = aws.ask_all("ec2", "describe_subnets", "Subnets", Filters=near)
    zone = {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in subnets}
    others = [each["SubnetId"] for each in gateways if not quotas.is_of(plan, each.get("Tags"))]
    return max(Counter(zone[name] for name in others if name in zone).values(), default=0)


def _clusters(aws: Aws, plan: Plan) -> int:
    own = {cluster.inputs["name"] for cluster in plan.of_type("aws:eks/cluster:Cluster")}
    return len(set(aws.ask_all("eks", "list_clusters", "clusters")) - own)


def _number_of(token: str) -> Callable[[Plan], int]:
    return lambda plan: len(plan.of_type(token))


QUOTAS = (
    # https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
    CountQuota("ec2", "L-0263D0A3", "Elastic IP addresses", _number_of("aws:ec2/eip:Eip"), _addresses),
    CountQuota("vpc", "L-F678F1CE", "VPCs", _number_of("aws:ec2/vpc:Vpc"), _networks),
    CountQuota("vpc", "L-FE5A380F", "NAT gateways in a zone", _planned_gateways, _gateways),
    # https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html
    CountQuota("eks", "L-1194D53C", "EKS clusters", _number_of("aws:eks/cluster:Cluster"), _clusters),
)
