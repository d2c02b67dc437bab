"""What makes an S3 bucket private (https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html)."""

import pulumi
import pulumi_aws as aws
from pulumi_aws.s3 import BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgsDict

from infra.clouds.aws.iam import policy


def make_private(name: str, bucket: aws.s3.Bucket, key_arn: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
    """Encrypt by the key what is put there, and keep away who is outside the account, or comes without TLS."""
    aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    by_key: BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgsDict = {
        "sse_algorithm": "aws:kms",
        "kms_master_key_id": key_arn,
    }
    aws.s3.BucketServerSideEncryptionConfiguration(
        name,
        bucket=bucket.id,
        # One call to the key for many objects.
        rules=[{"apply_server_side_encryption_by_default": by_key, "bucket_key_enabled": True}],
        opts=opts,
    )
    aws.s3.BucketPolicy(name, bucket=bucket.id, policy=bucket.arn.apply(encrypted_only), opts=opts)


def encrypted_only(bucket_arn: str) -> str:
    """Nobody reaches the bucket without TLS (https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-ssl-requests-only.html)."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return policy(statement)
