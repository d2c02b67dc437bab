"""Plans with as much in them as a question reads."""

from collections.abc import Mapping
from typing import Any

from infra.preview import Plan, Resource

ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
DEPLOYER = "arn:aws:iam::444455556666:role/platform-deployer"


def resource(kind: str, name: str, /, **inputs: Any) -> Resource:
    """A resource of that type."""
    urn = f"urn:pulumi:prod::inference-platform::{kind}::{name}"
    return Resource(
        urn=urn,
        type=kind,
        name=name,
        parent=None,
        provider=None,
        custom=True,
        inputs=inputs,
        outputs={},
        dependencies=(),
        property_dependencies={},
    )


def plan(*resources: Resource) -> Plan:
    """A plan of these."""
    return Plan(project="inference-platform", stack="prod", resources=resources, exports={})


def node_group(name: str, types: list[str], most: int, **more: Any) -> Resource:
    """On-demand nodes, unless `capacityType` says otherwise."""
    given: Mapping[str, Any] = {"amiType": "AL2023_x86_64_NVIDIA", "version": "1.36", **more}
    return resource(
        "aws:eks/nodeGroup:NodeGroup",
        name,
        instanceTypes=types,
        scalingConfig={"minSize": 0, "desiredSize": most},
        **given,
    )


def amazon(*more: Resource) -> Plan:
    """An account with a network in three zones, a gateway in the first, and a cluster."""
    subnets = [
        resource("aws:ec2/subnet:Subnet", f"{kind}-{zone}", availabilityZone=zone)
        for kind in ("private", "public")
        for zone in ZONES
    ]
    return plan(
        resource("pulumi:providers:aws", "aws", region="eu-west-1", allowedAccountIds=["444455556666"]),
        resource("aws:ec2/vpc:Vpc", "aws"),
        *subnets,
        resource("aws:ec2/eip:Eip", "nat"),
        resource("aws:ec2/natGateway:NatGateway", "nat", subnetId="${public-eu-west-1a.id: string}"),
        resource("aws:eks/cluster:Cluster", "eks", name="inference-platform-prod", version="1.36"),
        resource(
            "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
            "deployer",
            principalArn=DEPLOYER,
            policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        ),
        *more,
    )


def agent_pool(name: str, most: int, *, spot: bool = False, **more: Any) -> Resource:
    """T4 nodes in three zones."""
    given: dict[str, Any] = {"vmSize": "Standard_NC4as_T4_v3", "availabilityZones": ["1", "2", "3"], **more}
    if spot:
        given |= {"scaleSetPriority": "Spot", "spotMaxPrice": more.get("spotMaxPrice", -1)}
    kind = "azure-native:containerservice:AgentPool"
    return resource(kind, name, enableAutoScaling=True, minCount=0, maxCount=most, **given)


def microsoft(*more: Resource) -> Plan:
    """A subscription with a cluster in a resource group."""
    return plan(
        resource(
            "pulumi:providers:azure-native",
            "azure",
            subscriptionId="00000000-0000-0000-0000-000000000001",
            tenantId="00000000-0000-0000-0000-000000000002",
            location="northeurope",
        ),
        resource("azure-native:resources:ResourceGroup", "azure", resourceGroupName="inference-platform-prod"),
        resource("azure-native:containerservice:ManagedCluster", "aks", kubernetesVersion="1.36"),
        resource("azure-native:authorization:RoleAssignment", "pulls"),
        *more,
    )
