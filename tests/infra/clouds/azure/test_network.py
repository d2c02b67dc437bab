from ipaddress import IPv4Network

import pytest

from infra.clouds.azure.network import AzureNetwork, AzureNetworkArgs, subnets
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.settings.azure import AzureNetworkSettings
from tests.infra.samples import children, waits_for

SUBNET = "azure-native:network:Subnet"


@pytest.fixture(scope="module")
def network() -> Plan:
    settings = AzureNetworkSettings.model_validate({"cidr": "10.32.0.0/16"}, strict=False)
    args = AzureNetworkArgs(settings=settings, resource_group_name="platform")
    made: list[AzureNetwork] = []
    return run(lambda: made.append(AzureNetwork("azure", args)), {})


def test_the_network_is_the_parent_of_its_parts_and_every_input_fits_its_schema(network: Plan) -> None:
    owned = [type_.rpartition(":")[2] for type_ in children(network, "inference:azure:Network").elements()]

    assert sorted(owned) == [
        "NatGateway", "NetworkSecurityGroup", "PublicIPPrefix", "Subnet", "Subnet", "VirtualNetwork",
    ]  # fmt: skip
    assert [str(failure) for failure in check_plan(network).failures] == []


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "10.128.0.0/22"])
def test_subnets_lie_in_the_network_and_never_overlap(cidr: str) -> None:
    parts = subnets(IPv4Network(cidr))

    assert parts.nodes.subnet_of(IPv4Network(cidr))
    assert parts.containers.subnet_of(IPv4Network(cidr))
    assert not parts.nodes.overlaps(parts.containers)
    assert parts.nodes.num_addresses >= 256


def test_everything_leaves_through_addresses_of_our_own(network: Plan) -> None:
    gateway = network.one("azure-native:network:NatGateway").inputs
    addresses = network.one("azure-native:network:PublicIPPrefix").inputs
    ways = {subnet.name: subnet.inputs["natGateway"] for subnet in network.of_type(SUBNET)}

    outbound = {"id": "${azure-outbound.id: string}"}
    assert ways == {"azure-nodes": outbound, "azure-containers": outbound}
    assert gateway["publicIpPrefixes"] == [outbound]
    assert (addresses["sku"]["name"], addresses["prefixLength"]) == ("Standard", 31)
    assert {subnet.inputs["defaultOutboundAccess"] for subnet in network.of_type(SUBNET)} == {False}


def test_every_subnet_has_a_security_group_that_opens_nothing(network: Plan) -> None:
    group = network.one("azure-native:network:NetworkSecurityGroup")

    assert "securityRules" not in group.inputs
    assert all(
        subnet.inputs["networkSecurityGroup"] == {"id": "${azure.id: string}"} for subnet in network.of_type(SUBNET)
    )
    assert all(waits_for(network, subnet, group) for subnet in network.of_type(SUBNET))


def test_only_the_containers_subnet_is_given_to_container_instances(network: Plan) -> None:
    nodes, containers = (network.one(SUBNET, f"azure-{kind}").inputs for kind in ("nodes", "containers"))

    assert nodes["delegations"] == []
    assert [each["serviceName"] for each in containers["delegations"]] == [
        "Microsoft.ContainerInstance/containerGroups"
    ]


def test_nodes_reach_storage_and_key_vaults_as_members_of_their_subnet(network: Plan) -> None:
    services = [each["service"] for each in network.one(SUBNET, "azure-nodes").inputs["serviceEndpoints"]]

    assert services == ["Microsoft.KeyVault", "Microsoft.Storage"]


def test_subnets_are_made_one_after_the_other(network: Plan) -> None:
    nodes, containers = (network.one(SUBNET, f"azure-{kind}") for kind in ("nodes", "containers"))

    assert waits_for(network, containers, nodes)
