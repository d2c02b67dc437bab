import json
from typing import Any

import pytest

from infra.clusters.eks.interruptions import EVENTS
from infra.clusters.eks.karpenter import node_limits, node_pool_spec
from infra.preview import Plan
from infra.settings.eks import GpuPoolSettings
from tests.infra.samples import waits_for

RELEASE = "kubernetes:helm.sh/v3:Release"
POOL, CLASS = "kubernetes:karpenter.sh/v1:NodePool", "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"


def pool(**changes: object) -> GpuPoolSettings:
    return GpuPoolSettings.model_validate({"instanceTypes": ["g4dn.xlarge"], "max": 5, **changes}, strict=False)


def requirements(spec: dict[str, Any]) -> dict[str, list[str]]:
    return {each["key"]: each["values"] for each in spec["template"]["spec"]["requirements"]}


@pytest.mark.parametrize(("floor", "most", "limit"), [(0, 5, "5"), (2, 5, "3"), (4, 5, "1")])
def test_karpenter_adds_what_the_floor_leaves_of_the_maximum(floor: int, most: int, limit: str) -> None:
    assert node_pool_spec("spot", pool(min=floor, max=most))["limits"]["nodes"] == limit


def test_many_pods_at_once_bring_no_more_nodes_than_the_largest_of_the_types_allow() -> None:
    sizes = ["g4dn.xlarge", "g6.12xlarge", "g5.2xlarge"]

    assert node_limits(pool(min=1, max=4, instanceTypes=sizes)) == {"nodes": "3", "cpu": "144"}
    assert node_limits(pool(max=2, instanceTypes=["g4dn.metal"])) == {"nodes": "2", "cpu": "192"}


def test_spot_comes_first() -> None:
    spot, on_demand = node_pool_spec("a", pool()), node_pool_spec("b", pool(capacity="on-demand"))

    assert 1 <= on_demand["weight"] < spot["weight"] <= 100
    assert requirements(spot)["karpenter.sh/capacity-type"] == ["spot"]
    assert requirements(on_demand)["karpenter.sh/capacity-type"] == ["on-demand"]


def test_a_pool_starts_the_types_that_it_names(eks: Plan) -> None:
    spec = eks.one(POOL).inputs["spec"]

    assert requirements(spec)["node.kubernetes.io/instance-type"] == ["g6.xlarge", "g4dn.xlarge"]
    assert requirements(spec)["kubernetes.io/arch"] == ["amd64"]


def test_only_pools_that_may_grow_are_karpenters(eks: Plan) -> None:
    assert [each.inputs["metadata"]["name"] for each in eks.of_type(POOL)] == ["spot"]
    assert [each.inputs["metadata"]["name"] for each in eks.of_type(CLASS)] == ["spot"]


def test_a_pool_refers_to_its_class_and_comes_after_it(eks: Plan) -> None:
    node_pool, node_class = eks.one(POOL), eks.one(CLASS)
    reference = node_pool.inputs["spec"]["template"]["spec"]["nodeClassRef"]
    group, _, _ = node_class.inputs["apiVersion"].partition("/")

    assert reference == {"group": group, "kind": node_class.inputs["kind"], "name": "spot"}
    assert node_class.urn in node_pool.dependencies
    assert waits_for(eks, node_class, eks.one(RELEASE, "eks-karpenter"))
    assert waits_for(eks, eks.one(RELEASE, "eks-karpenter"), eks.one(RELEASE, "eks-karpenter-crd"))


def test_a_node_stands_in_the_clusters_subnets_under_its_own_role_with_the_stacks_tags(eks: Plan) -> None:
    spec = eks.one(CLASS).inputs["spec"]
    (subnets,) = spec["subnetSelectorTerms"]
    private = eks.one("aws:ec2/subnet:Subnet", "aws-private-eu-west-1a").inputs["tags"]
    entry = eks.one("aws:eks/accessEntry:AccessEntry", "eks-karpenter-nodes").inputs

    assert subnets["tags"].items() <= private.items()
    assert spec["role"] == "${eks-karpenter-nodes.name: string}"
    assert entry["principalArn"] == "${eks-karpenter-nodes.arn: string}"
    assert entry["type"] == "EC2_LINUX"
    assert spec["tags"] == {"owner": "ml-platform", "stack": "test", "Name": "platform-test-karpenter"}
    assert spec["metadataOptions"]["httpTokens"] == "required"
    assert spec["metadataOptions"]["httpPutResponseHopLimit"] == 1
    assert spec["blockDeviceMappings"][0]["ebs"] == {"volumeSize": "100Gi", "volumeType": "gp3", "encrypted": True}


def test_the_release_of_the_nodes_image_can_be_pinned(eks: Plan, eks_with: Any) -> None:
    pinned = eks_with({"eks.amiRelease": "1.36.3-20260801"})

    assert eks.one(CLASS).inputs["spec"]["amiSelectorTerms"] == [{"alias": "al2023@latest"}]
    assert pinned.one(CLASS).inputs["spec"]["amiSelectorTerms"] == [{"alias": "al2023@v20260801"}]


def test_the_controller_hears_of_interruptions_through_its_queue(eks: Plan) -> None:
    values = eks.one(RELEASE, "eks-karpenter").inputs["values"]
    targets = eks.of_type("aws:cloudwatch/eventTarget:EventTarget")

    assert values["settings"] == {
        "clusterName": "platform-test",
        "interruptionQueue": "${eks-karpenter-interruptions.name: string}",
    }
    assert {target.inputs["arn"] for target in targets} == {"${eks-karpenter-interruptions.arn: string}"}
    for target in targets:
        assert target.inputs["rule"] == f"${{{target.name}.name: string}}"


def test_the_controller_ends_before_what_lets_its_nodes_join(eks: Plan) -> None:
    controller = eks.one(RELEASE, "eks-karpenter")
    attachments = eks.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    theirs = [each for each in attachments if each.name.startswith("eks-karpenter-nodes-")]

    assert len(theirs) == 2
    assert all(waits_for(eks, controller, each) for each in theirs)


def test_spot_notices_and_rebalance_advice_are_among_the_events(eks: Plan) -> None:
    rules = eks.of_type("aws:cloudwatch/eventRule:EventRule")
    patterns = [json.loads(rule.inputs["eventPattern"]) for rule in rules]

    assert len(patterns) == len(EVENTS)
    for source, detail in [
        ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
        ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
        ("aws.health", "AWS Health Event"),
    ]:
        assert {"source": [source], "detail-type": [detail]} in patterns


def test_only_aws_may_send_to_the_queue_and_nobody_without_tls(eks: Plan) -> None:
    policy = eks.one("aws:sqs/queuePolicy:QueuePolicy").inputs
    send, plain = json.loads(policy["policy"])["Statement"]

    assert policy["queueUrl"] == "${eks-karpenter-interruptions.url: string}"
    assert (send["Effect"], send["Action"]) == ("Allow", "sqs:SendMessage")
    assert "*" not in json.dumps(send["Principal"])
    assert (plain["Effect"], plain["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
