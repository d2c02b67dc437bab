import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from infra.clouds.aws.network import Network, NetworkArgs
from infra.clouds.aws.provider import aws_providers
from infra.clusters.cluster import BackupStore, ServiceAccount
from infra.clusters.draining import Drains
from infra.clusters.eks import EksCluster, EksClusterArgs
from infra.clusters.eks.backup_bucket import write_policy
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.settings.aws import AwsSettings
from infra.settings.backups import BackupSettings
from tests.infra.samples import children, settings, waits_for

BUCKET, KEY, COMPONENT = "aws:s3/bucket:Bucket", "aws:kms/key:Key", "inference:clusters:BackupBucket"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
NAME = "eks-backups"


def preview(**block: Any) -> tuple[Plan, list[BackupStore]]:
    """Two namespaces of one cluster ask for a store."""
    stack, found = settings(), list[BackupStore]()
    backups = BackupSettings.model_validate(block, strict=False)

    def program() -> None:
        assert stack.aws
        assert stack.aws.network
        assert stack.eks
        opts = pulumi.ResourceOptions(providers=aws_providers(stack.aws, {}))
        network = Network("aws", NetworkArgs(settings=stack.aws.network, name="platform-test"), opts)
        args = EksClusterArgs(
            aws=stack.aws, eks=stack.eks, network=network, name="platform-test", tags={}, drains=Drains()
        )
        cluster = EksCluster("eks", args, opts)
        for namespace in ("mlflow", "training"):
            account = ServiceAccount(namespace=namespace, name="backup")
            store = cluster.backup_store(f"eks-{namespace}-backup", account, backups)
            assert store
            pulumi.export(namespace, store.repository)
            found.append(store)

    return run(program, {}), found


@pytest.fixture(scope="module")
def made() -> tuple[Plan, list[BackupStore]]:
    return preview()


@pytest.fixture(scope="module")
def strict() -> Plan:
    return preview(deletedDays=20, deleteData=False, lockDays=7)[0]


def test_all_who_ask_share_one_private_encrypted_bucket(made: tuple[Plan, list[BackupStore]]) -> None:
    plan, stores = made
    counted = children(plan, COMPONENT)

    assert (counted[BUCKET], counted[KEY], counted["inference:clusters:PodRole"]) == (1, 1, 2)
    assert counted["aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"] == 1
    assert counted["aws:s3/bucketPolicy:BucketPolicy"] == 1
    assert {store.variables["AWS_DEFAULT_REGION"] for store in stores} == {"eu-west-1"}
    assert str(plan.exports["mlflow"]).startswith("s3:https://s3.eu-west-1.amazonaws.com/")
    assert str(plan.exports["mlflow"]).endswith("/mlflow")
    assert str(plan.exports["training"]).endswith("/training")
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_what_is_deleted_stays_as_a_version_for_some_days(strict: Plan) -> None:
    rules: Any = strict.one(LIFECYCLE, NAME).inputs["rules"]
    (rule,) = rules

    assert strict.one(VERSIONING, NAME).inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 20}
    assert "days" not in rule["expiration"], "restic forgets backups, S3 does not"
    assert waits_for(strict, strict.one(LIFECYCLE, NAME), strict.one(VERSIONING, NAME))


def test_destroy_refuses_to_delete_backups_that_are_to_be_kept(
    made: tuple[Plan, list[BackupStore]], strict: Plan
) -> None:
    for plan, protect in ((strict, True), (made[0], False)):
        assert plan.one(BUCKET, NAME).protect is protect
        assert plan.one(KEY, NAME).protect is protect, "without it nothing can be read"
        assert plan.one(BUCKET, NAME).inputs["forceDestroy"] is not protect


def test_a_lock_is_only_there_where_it_was_asked_for(made: tuple[Plan, list[BackupStore]], strict: Plan) -> None:
    assert strict.one(BUCKET, NAME).inputs["objectLockEnabled"] is True
    assert strict.one(LOCK, NAME).inputs["rule"] == {"defaultRetention": {"mode": "GOVERNANCE", "days": 7}}
    assert made[0].of_type(LOCK) == []


def test_a_pod_may_do_what_restic_does_below_its_namespace_and_deletes_no_version() -> None:
    account = AwsSettings.model_validate({"region": "eu-west-1", "accountId": "111122223333"}, strict=False)
    listed, objects, key = json.loads(write_policy(account, "s3://kept/mlflow", "arn:of:key"))["Statement"]

    assert listed["Condition"] == {"StringLike": {"s3:prefix": ["mlflow", "mlflow/*"]}}
    assert objects["Resource"] == "arn:aws:s3:::kept/mlflow/*"
    assert "s3:DeleteObjectVersion" not in objects["Action"]
    assert {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"} <= set(objects["Action"])
    assert key["Resource"] == "arn:of:key"


@pytest.mark.parametrize(("type_", "key"), [(BUCKET, "forceDestroy"), (LIFECYCLE, "rules"), (KEY, "description")])
def test_a_misspelt_key_is_caught(made: tuple[Plan, list[BackupStore]], type_: str, key: str) -> None:
    plan, _ = made
    inputs = deepcopy(dict(plan.one(type_, NAME).inputs))
    inputs[f"{key}x"] = inputs.pop(key)

    assert check_resource(replace(plan.one(type_, NAME), inputs=inputs)) != []
