"""The bucket of captured data and asynchronous requests."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.private_bucket import make_private
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
        # S3 keeps a bucket that is not empty only when half of the stack is gone; Pulumi refuses before it begins.
        kept = pulumi.ResourceOptions(parent=self, protect=not args.delete_data)
        bucket = aws.s3.Bucket(name, force_destroy=args.delete_data, opts=kept)
        make_private(name, bucket, args.key_arn, child)
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
        self.bucket = Bucket(name=bucket.bucket, arn=bucket.arn)
        self.register_outputs({"bucket": bucket.bucket})
