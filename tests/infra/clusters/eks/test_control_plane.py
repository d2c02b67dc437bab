from typing import Any

from infra.preview import Plan
from infra.preview.checks import check_plan

CLUSTER = "aws:eks/cluster:Cluster"
ENTRY = "aws:eks/accessEntry:AccessEntry"
ROLE = "arn:aws:iam::111122223333:role"


def test_secrets_are_encrypted_by_a_key_of_our_own_that_rotates(eks: Plan) -> None:
    encryption = eks.one(CLUSTER).inputs["encryptionConfig"]

    assert encryption == {"provider": {"keyArn": "${eks-secrets.arn: string}"}, "resources": ["secrets"]}
    assert eks.one("aws:kms/key:Key").inputs["enableKeyRotation"] is True


def test_every_kind_of_log_is_kept_in_a_group_that_is_there_before_the_cluster(eks: Plan) -> None:
    cluster, logs = eks.one(CLUSTER), eks.one("aws:cloudwatch/logGroup:LogGroup")

    assert len(cluster.inputs["enabledClusterLogTypes"]) == 5
    assert logs.inputs["name"] == f"/aws/eks/{cluster.inputs['name']}/cluster"
    assert logs.inputs["retentionInDays"] == 30
    assert logs.urn in cluster.dependencies


def test_the_cluster_stands_in_private_subnets_and_waits_for_its_role(eks: Plan) -> None:
    cluster = eks.one(CLUSTER)
    zones = ("eu-west-1a", "eu-west-1b", "eu-west-1c")

    assert cluster.inputs["vpcConfig"]["subnetIds"] == [f"${{aws-private-{zone}.id: string}}" for zone in zones]
    assert cluster.inputs["roleArn"] == "${eks-control-plane.arn: string}"
    attachment = eks.one(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "eks-control-plane-AmazonEKSClusterPolicy"
    )
    assert attachment.urn in cluster.dependencies


def test_the_api_is_private_unless_ranges_are_named(eks: Plan, eks_with: Any) -> None:
    private = eks.one(CLUSTER).inputs["vpcConfig"]
    public = eks_with({"eks.publicAccessCidrs": ["198.51.100.0/24"]}).one(CLUSTER).inputs["vpcConfig"]

    assert private["endpointPrivateAccess"] is True
    assert private["endpointPublicAccess"] is False
    assert private.get("publicAccessCidrs") is None
    assert public["endpointPrivateAccess"] is True
    assert public["endpointPublicAccess"] is True
    assert public["publicAccessCidrs"] == ["198.51.100.0/24"]


def test_rights_come_from_access_entries_only(eks: Plan) -> None:
    cluster = eks.one(CLUSTER).inputs
    association = eks.one("aws:eks/accessPolicyAssociation:AccessPolicyAssociation").inputs

    assert cluster["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    assert association["accessScope"] == {"type": "cluster"}
    assert association["principalArn"] == f"{ROLE}/deployer"
    assert association["policyArn"] == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    assert cluster["bootstrapSelfManagedAddons"] is False
    assert cluster["upgradePolicy"] == {"supportType": "STANDARD"}


def test_deployers_of_one_name_below_different_paths_both_get_in(eks_with: Any) -> None:
    deployers = [f"{ROLE}/people/deployer", f"{ROLE}/ci/deployer", "arn:aws:iam::444455556666:role/ci/deployer"]

    plan = eks_with({"eks.deployers": deployers})

    entered = {each.inputs["principalArn"] for each in plan.of_type(ENTRY)}
    assert entered >= set(deployers)


def test_other_partitions_have_arns_of_their_own(eks_with: Any) -> None:
    zones = ["cn-north-1a", "cn-north-1b"]
    plan = eks_with({"aws.region": "cn-north-1", "aws.network.zones": zones})

    arns = [each.inputs["policyArn"] for each in plan.resources if each.custom and "policyArn" in each.inputs]
    assert len(arns) > 5
    assert [arn for arn in arns if not arn.startswith("arn:aws-cn:")] == []
    policies = [each.inputs["policy"] for each in plan.of_type("aws:iam/rolePolicy:RolePolicy")]
    assert [policy for policy in policies if "arn:aws:" in policy or "arn:aws-cn:" not in policy] == []
    trusts = [each.inputs["assumeRolePolicy"] for each in plan.of_type("aws:iam/role:Role")]
    assert sum("ec2.amazonaws.com.cn" in trusted for trusted in trusts) == 2


def test_deletion_protection_reaches_the_cluster(eks: Plan, eks_with: Any) -> None:
    protected = eks_with({"eks.deletionProtection": True}).one(CLUSTER)

    assert (eks.one(CLUSTER).inputs["deletionProtection"], eks.one(CLUSTER).protect) == (False, False)
    assert (protected.inputs["deletionProtection"], protected.protect) == (True, True)


def test_members_of_groups_get_in_with_their_groups_and_no_policy(eks_with: Any) -> None:
    groups = {"ml-viewers": [f"{ROLE}/oncall", f"{ROLE}/analyst"], "ml-deployers": [f"{ROLE}/oncall"]}

    plan = eks_with({"eks.groups": groups})

    entered = {each.inputs["principalArn"]: each.inputs.get("kubernetesGroups") for each in plan.of_type(ENTRY)}
    assert entered[f"{ROLE}/oncall"] == ["ml-viewers", "ml-deployers"]
    assert entered[f"{ROLE}/analyst"] == ["ml-viewers"]
    assert entered[f"{ROLE}/deployer"] is None
    association = plan.one("aws:eks/accessPolicyAssociation:AccessPolicyAssociation").inputs
    assert association["principalArn"] == f"{ROLE}/deployer"
    assert [str(failure) for failure in check_plan(plan).failures] == []
