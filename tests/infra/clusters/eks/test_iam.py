import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from infra.clouds.aws.iam import trust
from infra.clusters.eks.pod_role import policy_file
from infra.preview import Plan
from infra.preview.wire import Plain

ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
READS = re.compile(r":(Describe|Get|List)")
INLINE_LIMIT = 10_240
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


def documents(plan: Plan) -> dict[str, Any]:
    keys = ("policy", "assumeRolePolicy")
    return {
        f"{each.type} {each.name}": json.loads(each.inputs[key])
        for each in plan.resources
        for key in keys
        if each.package == "aws" and key in each.inputs
    }


def actions(statement: dict[str, Plain]) -> list[str]:
    stated = statement["Action"]
    return [stated] if isinstance(stated, str) else stated


def test_every_policy_is_a_complete_document(eks: Plan) -> None:
    found = documents(eks)

    assert len(found) == 10
    for document in found.values():
        assert document["Version"] == "2012-10-17"
        for statement in document["Statement"]:
            assert statement["Effect"] in {"Allow", "Deny"}
            assert all(re.fullmatch(r"[a-z0-9-]+:([A-Za-z]+|\*)", action) for action in actions(statement))


def test_inline_policies_fit_the_limit_even_with_the_longest_names(eks: Plan) -> None:
    # EKS cluster names have at most 100 characters, role and queue ARNs about 150.
    longest = {
        each.name: re.sub(r"\$\{.+?: string\}", "x" * 150, each.inputs["policy"]).replace("platform-test", "x" * 100)
        for each in eks.of_type("aws:iam/rolePolicy:RolePolicy")
    }

    assert longest.keys() == {"eks-karpenter", "eks-load-balancer-controller"}
    assert {name: len(text) for name, text in longest.items() if len(text) > INLINE_LIMIT} == {}


def test_no_placeholder_is_left_open(eks: Plan) -> None:
    marker = re.compile(r"\$\{[a-z0-9.-]+: string\}")
    policies = [each.inputs["policy"] for each in eks.of_type("aws:iam/rolePolicy:RolePolicy")]

    assert len(policies) == 2
    assert [policy for policy in policies if "$" in marker.sub("", policy)] == []


def test_a_placeholder_without_a_value_is_refused() -> None:
    with pytest.raises(KeyError, match="cluster"):
        policy_file("load_balancer_controller_policy.json", partition="aws")


def test_no_role_of_ours_may_do_everything(eks: Plan) -> None:
    for name, document in documents(eks).items():
        for statement in document["Statement"]:
            wild = [action for action in actions(statement) if action.endswith("*")]
            assert statement["Effect"] == "Deny" or wild == [], name


def test_what_is_allowed_on_every_resource_reads_or_is_listed_here(eks_with: Callable[..., Plan]) -> None:
    pool = {"instanceTypes": ["g5.xlarge"], "min": 1, "max": 4, "minOutsideOfficeHours": 0}
    plan = eks_with(
        {"eks.sharedStorage": {}, "officeHours": {"timeZone": "Europe/Berlin"}, "eks.gpuPools": {"spot": pool}}
    )
    found = documents(plan)
    wide = {
        (name.rpartition(" ")[2], statement.get("Sid"))
        for name, document in found.items()
        for statement in document["Statement"]
        if statement.get("Resource") == "*" and not all(READS.search(action) for action in actions(statement))
    }

    assert {"aws:efs/fileSystemPolicy:FileSystemPolicy eks-shared-storage", ROLE_POLICY + " eks-spot-hours"} <= set(
        found
    )
    # The controller's own documentation asks for these; load balancers have no ARN before they exist, and their tag
    # bounds the rest.
    assert wide == {
        ("eks-load-balancer-controller", sid)
        for sid in ("ChangeOwn", "CreateTagged", "Listeners", "SecurityGroups", "ServiceLinkedRole")
    }


def test_karpenter_may_end_and_change_only_what_carries_the_clusters_tag(eks: Plan) -> None:
    policy = json.loads(eks.one("aws:iam/rolePolicy:RolePolicy", "eks-karpenter").inputs["policy"])
    changing = re.compile(r":(Terminate|Delete|Remove|Add)")
    guarded = [
        statement["Condition"]["StringEquals"]["aws:ResourceTag/kubernetes.io/cluster/platform-test"]
        for statement in policy["Statement"]
        if any(changing.search(action) and not action.startswith("sqs:") for action in actions(statement))
    ]

    assert guarded == ["owned"] * 2


def test_karpenter_hands_out_the_nodes_role_only(eks: Plan) -> None:
    policy = json.loads(eks.one("aws:iam/rolePolicy:RolePolicy", "eks-karpenter").inputs["policy"])
    passed = {each["Sid"]: each["Resource"] for each in policy["Statement"] if "iam:PassRole" in actions(each)}

    assert passed == {"PassNodeRole": "${eks-karpenter-nodes.arn: string}"}


def test_a_pods_role_is_taken_by_pod_identity_for_one_service_account(eks: Plan) -> None:
    association = eks.one("aws:eks/podIdentityAssociation:PodIdentityAssociation", "eks-karpenter").inputs
    role = json.loads(eks.one("aws:iam/role:Role", "eks-karpenter").inputs["assumeRolePolicy"])

    assert association == {
        "clusterName": "platform-test",
        "namespace": "kube-system",
        "serviceAccount": "karpenter",
        "roleArn": "${eks-karpenter.arn: string}",
    }
    assert role["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    ]


def test_a_service_takes_a_role_by_assuming_it() -> None:
    (statement,) = json.loads(trust("ec2.amazonaws.com"))["Statement"]

    assert statement["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert statement["Action"] == ["sts:AssumeRole"]
