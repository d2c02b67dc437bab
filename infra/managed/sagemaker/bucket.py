"""The bucket of captured data and asynchronous requests."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi_aws.s3 import BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgsDict

from infra.clouds.aws.iam import policy
from infra.managed.sagemaker.context import Bucket


@dataclass(frozen=True, kw_only=True)
class EndpointBucketArgs:
    """`key_arn` encrypts what is put there; after `keep_days` it is gone."""

    key_arn: pulumi.Input[str]
    keep_days: int
    delete_data: bool


class EndpointBucket(pulumi.ComponentResource):
    """An encrypted, private bucket that forgets.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """

    bucket: Bucket

    def __init__(self, name: str, args: EndpointBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:managed:EndpointBucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(name, force_destroy=args.delete_data, opts=child)
        aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        by_key: BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgsDict = {
            "sse_algorithm": "aws:kms",
            "kms_master_key_id": args.key_arn,
        }
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            # One call to the key for many objects.
            rules=[{"apply_server_side_encryption_by_default": by_key, "bucket_key_enabled": True}],
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                {
                    "id": "forget",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": args.keep_days},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                }
            ],
            opts=child,
        )
        aws.s3.BucketPolicy(name, bucket=bucket.id, policy=bucket.arn.apply(encrypted_only), opts=child)
        self.bucket = Bucket(name=bucket.bucket, arn=bucket.arn)
        self.register_outputs({"bucket": bucket.bucket})


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
