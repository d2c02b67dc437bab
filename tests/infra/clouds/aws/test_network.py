from ipaddress import IPv4Network
from itertools import combinations

import pytest

from infra.clouds.aws.network import Network, NetworkArgs, zones
from infra.preview import Plan, run
from infra.settings.aws import NetworkSettings
from tests.infra.samples import children

SUBNET = "aws:ec2/subnet:Subnet"


def network(**changes: object) -> NetworkSettings:
    names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    return NetworkSettings.model_validate({"cidr": "10.0.0.0/16", "zones": names, **changes}, strict=False)


def preview(gateways: int = 1) -> Plan:
    args = NetworkArgs(settings=network(natGateways=gateways), name="platform-test")
    made: list[Network] = []
    return run(lambda: made.append(Network("aws", args)), {})


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "10.128.0.0/20"])
@pytest.mark.parametrize("count", [2, 3])
def test_subnets_lie_in_the_vpc_and_never_overlap(cidr: str, count: int) -> None:
    parts = zones(network(cidr=cidr, zones=["eu-west-1a", "eu-west-1b", "eu-west-1c"][:count]))
    ranges = [subnet for zone in parts for subnet in (zone.private, zone.public)]

    assert len(parts) == count
    assert all(subnet.subnet_of(IPv4Network(cidr)) for subnet in ranges)
    assert [pair for pair in combinations(ranges, 2) if pair[0].overlaps(pair[1])] == []
    assert all(zone.private.num_addresses >= 1024 for zone in parts)


def test_a_third_zone_moves_no_subnet_of_the_first_two() -> None:
    assert zones(network())[:2] == zones(network(zones=["eu-west-1a", "eu-west-1b"]))


def test_subnets_carry_the_tags_that_load_balancers_and_karpenter_look_for() -> None:
    subnets = preview().of_type(SUBNET)
    tags = {subnet.name: {key for key in subnet.inputs["tags"] if key != "Name"} for subnet in subnets}

    assert tags["aws-public-eu-west-1a"] == {"kubernetes.io/role/elb"}
    assert tags["aws-private-eu-west-1a"] == {"kubernetes.io/role/internal-elb", "karpenter.sh/discovery"}
    assert len(tags) == 6
    assert {subnet.inputs["tags"].get("karpenter.sh/discovery") for subnet in subnets} == {None, "platform-test"}
    assert {subnet.inputs["mapPublicIpOnLaunch"] for subnet in subnets} == {False}


@pytest.mark.parametrize(
    ("gateways", "used"),
    [
        (1, ["1a", "1a", "1a"]),
        (2, ["1a", "1b", "1a"]),
        (3, ["1a", "1b", "1c"]),
    ],
)
def test_private_subnets_leave_through_the_gateway_of_their_zone_where_there_is_one(
    gateways: int, used: list[str]
) -> None:
    plan = preview(gateways)
    routes = {route.name: route.inputs for route in plan.of_type("aws:ec2/route:Route")}

    assert len(plan.of_type("aws:ec2/natGateway:NatGateway")) == gateways
    for zone, via in zip(["1a", "1b", "1c"], used, strict=True):
        assert routes[f"aws-private-eu-west-{zone}"]["natGatewayId"] == f"${{aws-nat-eu-west-{via}.id: string}}"
    assert routes["aws-public"]["gatewayId"] == "${aws-internet.id: string}"


def test_every_subnet_follows_the_routes_of_its_kind() -> None:
    pairs = {
        item.inputs["subnetId"]: item.inputs["routeTableId"]
        for item in preview().of_type("aws:ec2/routeTableAssociation:RouteTableAssociation")
    }

    assert len(pairs) == 6
    for zone in ("eu-west-1a", "eu-west-1b", "eu-west-1c"):
        assert pairs[f"${{aws-public-{zone}.id: string}}"] == "${aws-public.id: string}"
        assert pairs[f"${{aws-private-{zone}.id: string}}"] == f"${{aws-private-{zone}.id: string}}"


def test_gateways_stand_in_public_subnets() -> None:
    found = {item.inputs["subnetId"] for item in preview(gateways=2).of_type("aws:ec2/natGateway:NatGateway")}

    assert found == {"${aws-public-eu-west-1a.id: string}", "${aws-public-eu-west-1b.id: string}"}


def test_the_default_security_group_lets_nothing_through() -> None:
    group = preview().one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs

    assert (group["ingress"], group["egress"]) == ([], [])


def test_the_network_is_the_parent_of_its_parts() -> None:
    owned = children(preview(), "inference:aws:Network", "aws")

    assert sorted(type_.rpartition(":")[2] for type_ in owned.elements()) == sorted(
        ["Vpc", "DefaultSecurityGroup", "InternetGateway", "Eip", "NatGateway", *["Subnet"] * 6, *["RouteTable"] * 4,
         *["Route"] * 4, *["RouteTableAssociation"] * 6]
    )  # fmt: skip
