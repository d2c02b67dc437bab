from typing import Any

import pytest

from infra.clusters.eks.node_groups import EKS_EFFECTS
from infra.clusters.gpu import NODE_LABEL, NODE_TAINT
from infra.pods.scheduling import toleration
from infra.preview import Plan

GROUP, TEMPLATE = "aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate"
NAMES = ["eks-system", "eks-spot", "eks-fixed"]


def group(plan: Plan, name: str) -> Any:
    return plan.one(GROUP, name).inputs


@pytest.mark.parametrize("name", NAMES)
def test_a_group_follows_the_newest_version_of_its_own_launch_template(eks: Plan, name: str) -> None:
    template = group(eks, name)["launchTemplate"]

    assert template == {"id": f"${{{name}.id: string}}", "version": f"${{{name}.latestVersion: integer}}"}


@pytest.mark.parametrize("name", NAMES)
def test_a_node_gives_pods_no_credentials_and_writes_to_encrypted_disks(eks: Plan, name: str) -> None:
    template = eks.one(TEMPLATE, name).inputs
    (disk,) = template["blockDeviceMappings"]

    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }
    assert disk["deviceName"] == "/dev/xvda"
    assert disk["ebs"]["encrypted"] == "true"
    assert disk["ebs"]["volumeType"] == "gp3"
    assert disk["ebs"]["volumeSize"] == (50 if name == "eks-system" else 100)


@pytest.mark.parametrize("name", NAMES)
def test_tags_reach_instances_volumes_and_network_interfaces(eks: Plan, name: str) -> None:
    specifications = eks.one(TEMPLATE, name).inputs["tagSpecifications"]
    wanted = {"owner": "ml-platform", "stack": "test", "Name": f"platform-test-{name}"}

    assert {each["resourceType"]: each["tags"] for each in specifications} == {
        "instance": wanted,
        "volume": wanted,
        "network-interface": wanted,
    }


@pytest.mark.parametrize(
    ("name", "capacity", "types", "sizes"),
    [
        ("eks-system", "ON_DEMAND", ["m7i.large"], (2, 2, 2)),
        ("eks-spot", "SPOT", ["g6.xlarge", "g4dn.xlarge"], (1, 1, 1)),
        ("eks-fixed", "ON_DEMAND", ["g5.xlarge"], (2, 2, 2)),
    ],
)
def test_a_group_holds_the_floor_of_its_pool(
    eks: Plan, name: str, capacity: str, types: list[str], sizes: tuple[int, ...]
) -> None:
    found = group(eks, name)
    scaling = found["scalingConfig"]

    assert found["capacityType"] == capacity
    assert found["instanceTypes"] == types
    assert found["version"] == "1.36"
    assert (scaling["minSize"], scaling["desiredSize"], scaling["maxSize"]) == sizes


def test_a_pool_without_a_floor_has_an_empty_group(eks_with: Any) -> None:
    plan = eks_with({"eks.gpuPools": {"spot": {"instanceTypes": ["g4dn.xlarge"], "max": 3}}})

    assert group(plan, "eks-spot")["scalingConfig"] == {"minSize": 0, "desiredSize": 0, "maxSize": 1}


def test_no_autoscaler_owns_a_group_so_a_raised_floor_raises_all_three_sizes(eks: Plan, eks_with: Any) -> None:
    raised = eks_with({"eks.gpuPools": {"spot": {"instanceTypes": ["g4dn.xlarge"], "min": 3, "max": 4}}})

    # An ignored desired size would stay below the new minimum, which EKS refuses.
    assert [each.ignore_changes for each in eks.of_type(GROUP)] == [[], [], []]
    assert group(raised, "eks-spot")["scalingConfig"] == {"minSize": 3, "desiredSize": 3, "maxSize": 3}


@pytest.mark.parametrize("name", NAMES)
def test_a_new_group_can_stand_beside_the_old_one_until_that_is_drained(eks: Plan, name: str) -> None:
    for resource in (eks.one(GROUP, name), eks.one(TEMPLATE, name)):
        named = {"nodeGroupName", "nodeGroupNamePrefix", "name", "namePrefix"} & resource.inputs.keys()
        assert named == set()
        assert not resource.options.get("deleteBeforeReplace")


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_group_is_rolled_node_by_node_within_disruption_budgets(eks: Plan, name: str) -> None:
    found = group(eks, name)

    assert found["updateConfig"] == {"maxUnavailable": 1}
    # Forced, an update would evict pods that a PodDisruptionBudget protects.
    assert not found.get("forceUpdateVersion")


def test_a_new_disk_size_is_a_new_version_of_the_same_template(eks: Plan, eks_with: Any) -> None:
    larger = eks_with({"eks.systemPool": {"diskGib": 80}})
    changed = ("amiType", "capacityType", "instanceTypes", "subnetIds", "nodeRoleArn", "launchTemplate")

    assert larger.one(TEMPLATE, "eks-system").inputs["blockDeviceMappings"][0]["ebs"]["volumeSize"] == 80
    assert group(larger, "eks-system").get("diskSize") is None
    # What replaces a group is what it was.
    assert {key: group(larger, "eks-system")[key] for key in changed} == {
        key: group(eks, "eks-system")[key] for key in changed
    }


def test_one_setting_pins_the_image_of_all_nodes(eks: Plan, eks_with: Any) -> None:
    pinned = eks_with({"eks.amiRelease": "1.36.3-20260801"})

    assert {group(eks, name).get("releaseVersion") for name in NAMES} == {None}
    assert {group(pinned, name)["releaseVersion"] for name in NAMES} == {"1.36.3-20260801"}
    # EKS would refuse the release beside an image named in the template.
    assert not any("imageId" in pinned.one(TEMPLATE, name).inputs for name in NAMES)


@pytest.mark.parametrize(
    ("release", "rule"),
    [
        (
            "1.35.9-20260801",
            "amiRelease must be a release for Kubernetes 1.36, got 1.35.9-20260801; change both at once",
        ),
        ("v20260801", "String should match pattern"),
    ],
)
def test_an_image_for_another_kubernetes_is_refused(eks_with: Any, release: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        eks_with({"eks.amiRelease": release})


def test_gpu_nodes_carry_our_label_and_taint_and_system_nodes_do_not(eks: Plan) -> None:
    key, value, effect = NODE_TAINT

    for name in ("spot", "fixed"):
        found = group(eks, f"eks-{name}")
        assert found["amiType"] == "AL2023_x86_64_NVIDIA"
        assert found["labels"] == {NODE_LABEL[0]: NODE_LABEL[1], "inference-platform/pool": name}
        assert found["taints"] == [{"key": key, "value": value, "effect": EKS_EFFECTS[effect]}]
    system = group(eks, "eks-system")
    assert system["amiType"] == "AL2023_x86_64_STANDARD"
    assert system["labels"] == {"inference-platform/pool": "system"}
    assert not system.get("taints")


def test_karpenters_nodes_carry_the_same_label_and_taint_and_the_server_tolerates_it(eks: Plan) -> None:
    template = eks.one("kubernetes:karpenter.sh/v1:NodePool").inputs["spec"]["template"]
    (taint,) = template["spec"]["taints"]
    tolerated = toleration(*NODE_TAINT)

    assert template["metadata"]["labels"] == group(eks, "eks-spot")["labels"]
    assert group(eks, "eks-spot")["taints"] == [{**taint, "effect": EKS_EFFECTS[taint["effect"]]}]
    assert {key: tolerated.get(key) for key in taint} == taint
    assert tolerated.get("operator") == "Equal"


def test_groups_share_a_role_that_may_join_and_pull_and_nothing_else(eks: Plan) -> None:
    policies = [
        item.inputs["policyArn"]
        for item in eks.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        if item.name.startswith("eks-nodes-")
    ]

    assert {group(eks, name)["nodeRoleArn"] for name in NAMES} == {"${eks-nodes.arn: string}"}
    assert sorted(policies) == [
        "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
        "arn:aws:iam::aws:policy/AmazonEKSWorkerNodeMinimalPolicy",
    ]
