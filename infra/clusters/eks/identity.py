"""What pods may do in AWS."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from infra.clouds.aws.iam import policy
from infra.clusters.cluster import Access
from infra.settings.aws import AwsSettings

READ = ("s3:GetObject",)
# An upload in parts that failed would be kept, and paid for, until it is aborted.
WRITE = (*READ, "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")


def access_policy(aws: AwsSettings, access: Access, registry: str) -> str | None:
    """A policy document of exactly `access`, as JSON text; None where nothing of it lies in AWS.

    `registry` is what the names of the stack's repositories begin with.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html,
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security_iam_service-with-iam.html
    """
    secrets = [secret_statement(aws, access.secrets)] if access.secrets else []
    objects = [*_object_statements(aws, access.reads, READ), *_object_statements(aws, access.writes, WRITE)]
    images = image_statements(aws, registry) if access.images else []
    services = [*(["secretsmanager"] if secrets else []), *(["s3"] if objects else [])]
    keys = [key_statement(aws, services, writes=bool(access.writes))] if services else []
    zone = zone_statements(aws, access.dns_zone) if access.dns_zone and access.dns_zone.startswith("Z") else []
    return policy(*secrets, *objects, *images, *keys, *zone) if services or images or zone else None


def image_statements(aws: AwsSettings, registry: str) -> list[Mapping[str, Any]]:
    """Pull from the stack's repositories; a login is for all of a registry.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/security_iam_id-based-policy-examples.html
    """
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    repositories = f"arn:{aws.partition}:ecr:{aws.region}:{aws.account_id}:repository/{registry}/*"
    return [{"Action": "ecr:GetAuthorizationToken", "Resource": "*"}, {"Action": pull, "Resource": repositories}]


def zone_statements(aws: AwsSettings, zone: str) -> list[Mapping[str, Any]]:
    """Text records of the hosted zone, and whether a change has reached every server.

    https://cert-manager.io/docs/configuration/acme/dns01/route53/
    """
    records = {
        "Action": ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"],
        "Resource": f"arn:{aws.partition}:route53:::hostedzone/{zone}",
        "Condition": {"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["TXT"]}},
    }
    return [{"Action": "route53:GetChange", "Resource": f"arn:{aws.partition}:route53:::change/*"}, records]


def secret_statement(aws: AwsSettings, names: Iterable[str]) -> Mapping[str, Any]:
    """The values of the secrets of those names; AWS ends a secret's ARN with six characters of its own."""
    arn = f"arn:{aws.partition}:secretsmanager:{aws.region}:{aws.account_id}:secret"
    resources = [f"{arn}:{name}-??????" for name in sorted(set(names))]
    return {"Action": "secretsmanager:GetSecretValue", "Resource": resources}


def _object_statements(aws: AwsSettings, urls: Iterable[str], actions: Sequence[str]) -> list[Mapping[str, Any]]:
    buckets = [url for url in urls if urlsplit(url).scheme == "s3"]
    return [statement for url in buckets for statement in object_statements(aws, url, actions)]


def object_statements(aws: AwsSettings, url: str, actions: Sequence[str]) -> list[Mapping[str, Any]]:
    """What lies below `s3://bucket/prefix`: its names, and `actions` on its objects."""
    parts = urlsplit(url)
    bucket, prefix = f"arn:{aws.partition}:s3:::{parts.netloc}", parts.path.strip("/")
    listed = {"Action": "s3:ListBucket", "Resource": bucket}
    if not prefix:
        return [listed, {"Action": list(actions), "Resource": f"{bucket}/*"}]
    below = {"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}}
    return [{**listed, "Condition": below}, {"Action": list(actions), "Resource": f"{bucket}/{prefix}/*"}]


def key_statement(aws: AwsSettings, services: Iterable[str], *, writes: bool) -> Mapping[str, Any]:
    """The account's own keys, whichever those services encrypt with, and through these services alone.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    through = [f"{service}.{aws.region}.amazonaws.com" for service in services]
    return {
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"] if writes else "kms:Decrypt",
        "Resource": f"arn:{aws.partition}:kms:{aws.region}:{aws.account_id}:key/*",
        "Condition": {"StringEquals": {"kms:ViaService": through}},
    }
