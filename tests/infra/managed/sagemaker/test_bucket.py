import json
from typing import Any

from infra.clouds.aws.private_bucket import encrypted_only
from infra.preview import Plan


def test_the_bucket_is_private_encrypted_and_forgets(plan: Plan) -> None:
    access = plan.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    lifecycle = plan.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs
    encryption = plan.one("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")

    blocks = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert [access[block] for block in blocks] == [True] * 4
    assert lifecycle["rules"][0]["status"] == "Enabled"
    assert lifecycle["rules"][0]["expiration"] == {"days": 30}
    assert encryption.inputs["rules"] == [
        {
            "applyServerSideEncryptionByDefault": {
                "sseAlgorithm": "aws:kms",
                "kmsMasterKeyId": "${sagemaker.arn: string}",
            },
            "bucketKeyEnabled": True,
        }
    ]


def test_nobody_reaches_it_without_tls() -> None:
    (statement,) = json.loads(encrypted_only("arn:aws:s3:::data"))["Statement"]

    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == ["arn:aws:s3:::data", "arn:aws:s3:::data/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_destroy_deletes_data_only_where_the_settings_say_so(plan: Plan, plan_with: Any) -> None:
    token = "aws:s3/bucket:Bucket"

    assert plan.one(token).inputs["forceDestroy"] is False
    assert plan_with({"deleteData": True}).one(token).inputs["forceDestroy"] is True
