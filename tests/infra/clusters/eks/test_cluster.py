import json
from collections.abc import Callable

import pytest

from infra.preview import Plan
from infra.preview.checks import check_plan
from tests.infra.samples import children, waits_for

PROVIDER = "pulumi:providers:kubernetes"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
SYSTEM = ("aws:eks/nodeGroup:NodeGroup", "eks-system")


@pytest.mark.parametrize(
    ("component", "name", "owned"),
    [
        ("clusters:EksCluster", "eks", ["ControlPlane", "Addons", "Addons", "Role", "Role", *["NodeGroup"] * 3,
                                        "Karpenter", "LoadBalancerController", "kubernetes", "StorageClass"]),
        ("clusters:ControlPlane", "eks", ["Role", "Key", "LogGroup", "Cluster", "AccessEntry",
                                          "AccessPolicyAssociation"]),
        ("clusters:NodeGroup", "eks-spot", ["LaunchTemplate", "NodeGroup"]),
        ("clusters:Addons", "eks-node", ["Addon", "Addon", "Addon", "PodRole"]),
        ("clusters:Addons", "eks-cluster", ["Addon", "Addon", "Addon", "PodRole"]),
        ("clusters:Karpenter", "eks-karpenter", ["InterruptionQueue", "PodRole", "AccessEntry", "Release", "Release",
                                                 "EC2NodeClass", "NodePool"]),
        ("clusters:InterruptionQueue", "eks-karpenter-interruptions", ["Queue", "QueuePolicy", *["EventRule"] * 5,
                                                                       *["EventTarget"] * 5]),
        ("clusters:LoadBalancerController", "eks-load-balancer-controller", ["PodRole", "Release"]),
        ("clusters:PodRole", "eks-karpenter", ["Role", "PodIdentityAssociation"]),
        ("aws:Role", "eks-nodes", ["Role", "RolePolicyAttachment", "RolePolicyAttachment"]),
        ("aws:Role", "eks-karpenter", ["Role", "RolePolicy"]),
    ],
)  # fmt: skip
def test_each_component_is_the_parent_of_its_parts(eks: Plan, component: str, name: str, owned: list[str]) -> None:
    found = children(eks, f"inference:{component}", name)

    assert sorted(type_.rpartition(":")[2] for type_ in found.elements()) == sorted(owned)


def test_every_input_fits_its_schema(eks: Plan) -> None:
    assert [str(failure) for failure in check_plan(eks).failures] == []


def test_aws_resources_use_the_tagging_provider_of_the_account_and_kubernetes_ones_the_cluster(eks: Plan) -> None:
    used = {(item.package, item.provider_name) for item in eks.resources if item.custom and not item.is_provider}
    provider = eks.one("pulumi:providers:aws").inputs

    assert used == {("aws", "aws"), ("kubernetes", "eks")}
    assert provider["allowedAccountIds"] == ["111122223333"]
    assert provider["region"] == "eu-west-1"
    assert provider["defaultTags"] == {"tags": {"owner": "ml-platform", "stack": "test"}}


def test_the_kubeconfig_is_the_same_text_at_every_run_and_holds_no_credentials(eks: Plan) -> None:
    provider = eks.one(PROVIDER)
    config = json.loads(provider.inputs["kubeconfig"])
    (user,) = config["users"]

    assert provider.inputs["clusterIdentifier"] == "${eks.arn: string}"
    assert set(user["user"]) == {"exec"}
    assert user["user"]["exec"]["command"] == "aws"
    assert user["user"]["exec"]["args"] == [
        "eks", "get-token", "--cluster-name", "platform-test", "--region", "eu-west-1",
    ]  # fmt: skip
    assert config["clusters"][0]["cluster"] == {
        "server": "${eks.endpoint: string}",
        "certificate-authority-data": "${eks.certificateAuthority.data: string}",
    }


def test_nothing_is_put_on_the_cluster_before_rights_nodes_and_dns_are_there(eks: Plan) -> None:
    provider = eks.one(PROVIDER)

    assert waits_for(eks, provider, eks.one("aws:eks/accessPolicyAssociation:AccessPolicyAssociation"))
    assert waits_for(eks, provider, eks.one(*SYSTEM))
    assert waits_for(eks, provider, eks.one("aws:eks/addon:Addon", "eks-cluster-coredns"))
    # Spot capacity may be hard to find; controllers must not wait for it.
    assert not waits_for(eks, provider, eks.one("aws:eks/nodeGroup:NodeGroup", "eks-spot"))


@pytest.mark.parametrize("name", ["eks-karpenter", "eks-load-balancer-controller"])
def test_a_controller_starts_after_its_role_can_be_taken(eks: Plan, name: str) -> None:
    release = eks.one("kubernetes:helm.sh/v3:Release", name)

    assert waits_for(eks, release, eks.one("aws:eks/podIdentityAssociation:PodIdentityAssociation", name))
    assert waits_for(eks, release, eks.one("aws:iam/rolePolicy:RolePolicy", name))


def test_nodes_wait_for_their_network_their_addons_and_their_rights(eks: Plan) -> None:
    pulls = "eks-nodes-AmazonEC2ContainerRegistryPullOnly"
    needed = [
        eks.one("aws:eks/addon:Addon", "eks-node-vpc-cni"),
        eks.one("aws:ec2/route:Route", "aws-private-eu-west-1a"),
        eks.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment", pulls),
    ]

    for group in eks.of_type("aws:eks/nodeGroup:NodeGroup"):
        assert [each.name for each in needed if not waits_for(eks, group, each)] == []


def test_addons_that_run_on_nodes_wait_for_nodes_and_the_others_do_not(eks: Plan) -> None:
    system = eks.one(*SYSTEM)
    after = {addon.inputs["addonName"]: waits_for(eks, addon, system) for addon in eks.of_type("aws:eks/addon:Addon")}

    assert after == {
        "eks-pod-identity-agent": False,
        "kube-proxy": False,
        "vpc-cni": False,
        "coredns": True,
        "metrics-server": True,
        "aws-ebs-csi-driver": True,
    }


def test_network_policies_are_enforced(eks: Plan) -> None:
    cni = eks.one("aws:eks/addon:Addon", "eks-node-vpc-cni")

    assert json.loads(cni.inputs["configurationValues"]) == {"enableNetworkPolicy": "true"}


def test_volumes_are_encrypted_and_made_where_their_pod_runs(eks: Plan) -> None:
    storage = eks.one(STORAGE_CLASS).inputs

    assert storage["metadata"]["name"] == "gp3-encrypted"
    assert storage["parameters"] == {"type": "gp3", "encrypted": "true"}
    assert storage["volumeBindingMode"] == "WaitForFirstConsumer"


def test_a_first_preview_knows_nothing_of_aws_and_still_sees_every_resource(
    eks: Plan, eks_with: Callable[..., Plan]
) -> None:
    unknown = eks_with(preview=True)

    assert {item.urn for item in unknown.resources} == {item.urn for item in eks.resources}


def test_what_keeps_data_is_encrypted(eks_with: Callable[..., Plan]) -> None:
    plan = eks_with({"eks.sharedStorage": {}})
    templates = plan.of_type("aws:ec2/launchTemplate:LaunchTemplate")
    classes = {each.inputs["provisioner"]: each.inputs["parameters"] for each in plan.of_type(STORAGE_CLASS)}
    node_class = plan.one("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass").inputs["spec"]
    disks = [disk["ebs"]["encrypted"] for each in templates for disk in each.inputs["blockDeviceMappings"]]

    assert disks == ["true"] * 3
    assert [disk["ebs"]["encrypted"] for disk in node_class["blockDeviceMappings"]] == [True]
    assert classes["ebs.csi.aws.com"]["encrypted"] == "true"
    assert plan.one("aws:efs/fileSystem:FileSystem").inputs["encrypted"] is True
    assert plan.one("aws:sqs/queue:Queue").inputs["sqsManagedSseEnabled"] is True
    assert plan.one("aws:eks/cluster:Cluster").inputs["encryptionConfig"]["resources"] == ["secrets"]
    assert {each.inputs["enableKeyRotation"] for each in plan.of_type("aws:kms/key:Key")} == {True}
