import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from inference_app.contract import USER_ID
from infra.clusters.eks.shared_storage import file_system_policy, idle_class
from infra.preview import Plan
from infra.preview.checks import check_plan, check_resource
from tests.infra.samples import children, waits_for

NAME = "eks-shared-storage"
FILES, TARGET = "aws:efs/fileSystem:FileSystem", "aws:efs/mountTarget:MountTarget"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
ADDON = "aws:eks/addon:Addon"


@pytest.fixture(scope="session")
def shared(eks_with: Callable[..., Plan]) -> Plan:
    return eks_with({"eks.sharedStorage": {}})


def test_every_input_fits_its_schema(shared: Plan) -> None:
    assert [str(failure) for failure in check_plan(shared).failures] == []


def test_without_the_block_there_is_none_of_it(eks: Plan) -> None:
    assert [each.name for each in eks.resources if "efs" in each.type or "efs" in each.name] == []


def test_the_component_owns_all_of_it(shared: Plan) -> None:
    owned = children(shared, "inference:clusters:SharedStorage", NAME)

    assert sorted(type_.rpartition(":")[2] for type_ in owned.elements()) == [
        "BackupPolicy", "FileSystem", "FileSystemPolicy", "Key", "MountTarget", "MountTarget", "MountTarget",
        "SecurityGroup", "SecurityGroupIngressRule", "StorageClass",
    ]  # fmt: skip


def test_files_are_encrypted_by_a_key_of_their_own_that_rotates(shared: Plan) -> None:
    files = shared.one(FILES).inputs

    assert files["encrypted"] is True
    assert files["kmsKeyId"] == f"${{{NAME}-key.arn: string}}"
    assert shared.one("aws:kms/key:Key", f"{NAME}-key").inputs["enableKeyRotation"] is True


def test_a_file_that_nobody_reads_becomes_cheaper_and_one_that_is_read_again_fast(
    shared: Plan, eks_with: Callable[..., Plan]
) -> None:
    sooner = eks_with({"eks.sharedStorage": {"infrequentAfterDays": 1}}).one(FILES).inputs["lifecyclePolicies"]

    assert shared.one(FILES).inputs["lifecyclePolicies"] == [
        {"transitionToIa": "AFTER_30_DAYS"},
        {"transitionToPrimaryStorageClass": "AFTER_1_ACCESS"},
    ]
    assert sooner[0] == {"transitionToIa": "AFTER_1_DAY"}
    assert idle_class(365) == "AFTER_365_DAYS"


def test_a_period_that_efs_does_not_offer_is_refused(eks_with: Callable[..., Plan]) -> None:
    with pytest.raises(ValueError, match="must be one of 1, 7, 14"):
        eks_with({"eks.sharedStorage": {"infrequentAfterDays": 31}})


def test_every_zone_that_has_nodes_has_an_address_of_the_file_system(shared: Plan) -> None:
    targets = {each.name: each.inputs for each in shared.of_type(TARGET)}
    zones = ("eu-west-1a", "eu-west-1b", "eu-west-1c")

    assert targets.keys() == {f"{NAME}-{zone}" for zone in zones}
    for zone in zones:
        target = targets[f"{NAME}-{zone}"]
        assert target["subnetId"] == f"${{aws-private-{zone}.id: string}}"
        assert target["securityGroups"] == [f"${{{NAME}-nodes.id: string}}"]


def test_only_the_clusters_nodes_reach_it_and_only_by_nfs(shared: Plan) -> None:
    rule = shared.one(RULE).inputs

    assert rule["referencedSecurityGroupId"] == "${eks.vpcConfig.clusterSecurityGroupId: string}"
    assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 2049, 2049)
    assert not {"cidrIpv4", "cidrIpv6", "prefixListId"} & rule.keys()
    assert not shared.one("aws:ec2/securityGroup:SecurityGroup").inputs.get("ingress")


def test_nobody_mounts_it_without_tls_or_writes_as_root(shared: Plan) -> None:
    mount, plain = json.loads(shared.one("aws:efs/fileSystemPolicy:FileSystemPolicy").inputs["policy"])["Statement"]

    assert mount["Action"] == ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    assert mount["Condition"] == {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}}
    assert (plain["Effect"], plain["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert mount["Resource"] == plain["Resource"] == f"${{{NAME}-files.arn: string}}"
    assert "ClientRootAccess" not in file_system_policy("arn")


def test_a_volume_is_an_access_point_that_shows_its_files_as_the_servers_user(shared: Plan) -> None:
    storage = shared.one(CLASS, NAME)

    assert storage.inputs["metadata"]["name"] == "efs"
    assert storage.inputs["provisioner"] == "efs.csi.aws.com"
    assert storage.inputs["parameters"] == {
        "provisioningMode": "efs-ap",
        "fileSystemId": f"${{{NAME}-files.id: string}}",
        "directoryPerms": "700",
        "uid": str(USER_ID),
        "gid": str(USER_ID),
    }
    assert all(waits_for(shared, storage, target) for target in shared.of_type(TARGET))


def test_the_driver_makes_access_points_with_a_role_of_its_own(shared: Plan) -> None:
    driver = shared.one(ADDON, "eks-cluster-aws-efs-csi-driver")
    name = "eks-cluster-aws-efs-csi-driver"
    association = shared.one("aws:eks/podIdentityAssociation:PodIdentityAssociation", name)
    attachment = shared.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment", f"{name}-AmazonEFSCSIDriverPolicy")

    assert association.inputs["serviceAccount"] == "efs-csi-controller-sa"
    assert attachment.inputs["policyArn"] == "arn:aws:iam::aws:policy/service-role/AmazonEFSCSIDriverPolicy"
    assert waits_for(shared, driver, association)
    assert waits_for(shared, shared.one(CLASS, NAME), driver)


def test_backups_are_made_unless_turned_off(shared: Plan, eks_with: Callable[..., Plan]) -> None:
    off = eks_with({"eks.sharedStorage": {"backups": False}})

    assert shared.one("aws:efs/backupPolicy:BackupPolicy").inputs["backupPolicy"] == {"status": "ENABLED"}
    assert off.one("aws:efs/backupPolicy:BackupPolicy").inputs["backupPolicy"] == {"status": "DISABLED"}


def test_deletion_protection_reaches_the_files(shared: Plan, eks_with: Callable[..., Plan]) -> None:
    protected = eks_with({"eks.sharedStorage": {}, "eks.deletionProtection": True})

    assert shared.one(FILES).protect is False
    assert protected.one(FILES).protect is True


@pytest.mark.parametrize(
    ("type_", "planted", "path"),
    [
        (FILES, {"lifecyclePolicies": [{"transitionToIA": "AFTER_30_DAYS"}]}, "lifecyclePolicies[0].transitionToIA"),
        (FILES, {"encrypted": "yes"}, "encrypted"),
        (RULE, {"fromPort": "2049"}, "fromPort"),
        (TARGET, {"subnetId": None}, "subnetId"),
    ],
)
def test_a_wrong_input_is_caught(shared: Plan, type_: str, planted: Mapping[str, Any], path: str) -> None:
    resource = shared.of_type(type_)[0]
    inputs = {key: value for key, value in {**resource.inputs, **planted}.items() if value is not None}

    assert [problem.path for problem in check_resource(replace(resource, inputs=inputs))] == [path]
