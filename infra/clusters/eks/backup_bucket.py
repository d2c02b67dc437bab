"""Where backups of what runs on the cluster are kept: a bucket of its own."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi_aws.s3 import BucketLifecycleConfigurationRuleArgsDict

from infra.clouds.aws.iam import policy
from infra.clouds.aws.private_bucket import make_private
from infra.clusters.cluster import BackupStore, Identity, ServiceAccount
from infra.clusters.eks.context import EksContext
from infra.clusters.eks.identity import WRITE, object_statements
from infra.clusters.eks.pod_role import PodRole, PodRoleArgs
from infra.namespaces.network import to_anywhere, to_pod_identity_agent
from infra.settings.aws import AwsSettings
from infra.settings.backups import BackupSettings


@dataclass(frozen=True, kw_only=True)
class BackupBucketArgs:
    """Of which cluster, and how long what is deleted stays."""

    context: EksContext
    settings: BackupSettings


class BackupBucket(pulumi.ComponentResource):
    """An encrypted, private bucket with versions: what a pod deletes can be taken back for some days."""

    def __init__(self, name: str, args: BackupBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:BackupBucket", name, None, opts)
        self._context, settings = args.context, args.settings
        child = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, protect=not settings.delete_data)
        self._key = aws.kms.Key(
            name,
            description=f"Backups of {args.context.name}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            opts=kept,
        )
        self._bucket = aws.s3.Bucket(
            name,
            force_destroy=settings.delete_data,
            object_lock_enabled=settings.lock_days is not None,
            opts=kept,
        )
        make_private(name, self._bucket, self._key.arn, child)
        versions = aws.s3.BucketVersioning(
            name, bucket=self._bucket.id, versioning_configuration={"status": "Enabled"}, opts=child
        )
        later = pulumi.ResourceOptions(parent=self, depends_on=[versions])
        aws.s3.BucketLifecycleConfiguration(
            name, bucket=self._bucket.id, rules=[forget_deleted(settings.deleted_days)], opts=later
        )
        if settings.lock_days:
            aws.s3.BucketObjectLockConfiguration(
                name,
                bucket=self._bucket.id,
                rule={"default_retention": {"mode": "GOVERNANCE", "days": settings.lock_days}},
                opts=later,
            )
        self.register_outputs({"bucket": self._bucket.bucket})

    def store(self, name: str, account: ServiceAccount) -> BackupStore:
        """What lies below the account's namespace, for its pods; `name` is the logical name of their role."""
        aws, namespace = self._context.aws, account.namespace
        document = pulumi.Output.all(self._bucket.bucket, self._key.arn).apply(
            lambda made: write_policy(aws, f"s3://{made[0]}/{namespace}", made[1])
        )
        args = PodRoleArgs(context=self._context, namespace=namespace, service_account=account.name, policy=document)
        role = PodRole(name, args, pulumi.ResourceOptions(parent=self))
        host = f"s3.{aws.region}.amazonaws.com" + (".cn" if aws.partition == "aws-cn" else "")
        return BackupStore(
            repository=pulumi.Output.concat(f"s3:https://{host}/", self._bucket.bucket, f"/{namespace}"),
            # Without it restic asks S3 where the bucket is, which takes one more right.
            variables={"AWS_DEFAULT_REGION": aws.region},
            egress=[to_anywhere(443), to_pod_identity_agent()],
            identity=Identity(after=[self, role]),
        )


def forget_deleted(days: int) -> BucketLifecycleConfigurationRuleArgsDict:
    """What was deleted or overwritten stays for so many days, an upload that broke off for one."""
    return {
        "id": "forget-deleted",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "noncurrent_version_expiration": {"noncurrent_days": days},
        "expiration": {"expired_object_delete_marker": True},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
    }


def write_policy(settings: AwsSettings, url: str, key_arn: str) -> str:
    """What restic does below `url`, and the bucket's key through S3 alone; no version can be deleted with it.

    https://restic.readthedocs.io/en/stable/080_examples.html#setting-up-restic-with-amazon-s3
    """
    key = {
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": key_arn,
        "Condition": {"StringEquals": {"kms:ViaService": f"s3.{settings.region}.amazonaws.com"}},
    }
    return policy(*object_statements(settings, url, WRITE), key)
