"""What an endpoint may do in the account, and no more.

https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.clouds.aws.iam import policy
from infra.settings.aws import AwsSettings

Statement = Mapping[str, Any]

SERVICE = "sagemaker.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class Access:
    """What one endpoint reaches: its image's repository, prefixes of the bucket, topics, S3 model data, a network."""

    endpoint: str
    repository_arn: str
    key_arn: str | None = None
    bucket_arn: str | None = None
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()
    topic_arns: Sequence[str] = ()
    model_data: str | None = None
    in_network: bool = False


def repository_arn(aws: AwsSettings, image: str, repository: str) -> str:
    """The ECR repository of `image`: that of another account by the image's address, else the stack's own.

    An address reads `<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>`.
    """
    host, _, path = image.partition("/")
    account, *parts = host.split(".")
    if not account.isdecimal() or account == aws.account_id:
        return f"arn:{aws.partition}:ecr:{aws.region}:{aws.account_id}:repository/{repository}"
    return f"arn:{aws.partition}:ecr:{parts[2]}:{account}:repository/{path.partition(':')[0]}"


def log_group(endpoint: str) -> str:
    """Where SageMaker writes what the containers say (https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html)."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def execution_policy(aws: AwsSettings, access: Access) -> str:
    """The policy of an endpoint's role, as JSON text."""
    statements = [*_image(access.repository_arn), *_logs(aws, access.endpoint)]
    if access.bucket_arn:
        statements += _objects(access.bucket_arn, access)
    if access.topic_arns:
        statements.append({"Action": "sns:Publish", "Resource": list(access.topic_arns)})
    if access.model_data:
        statements += _model_data(aws, access.model_data)
    if access.key_arn:
        statements += _key(access.key_arn)
    if access.in_network:
        statements += _network(aws)
    return policy(*statements)


def _image(repository: str) -> Iterable[Statement]:
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        {"Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {"Action": pull, "Resource": repository},
    ]


def _logs(aws: AwsSettings, endpoint: str) -> Iterable[Statement]:
    group = f"arn:{aws.partition}:logs:{aws.region}:{aws.account_id}:log-group:{log_group(endpoint)}"
    names = {"StringLike": {"cloudwatch:namespace": ["AWS/SageMaker*", "/aws/sagemaker/*"]}}
    return [
        {
            "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": [group, f"{group}:*"],
        },
        {"Action": "cloudwatch:PutMetricData", "Resource": "*", "Condition": names},
    ]


def _objects(bucket_arn: str, access: Access) -> Iterable[Statement]:
    # Whoever may list learns that an object is missing; without it S3 answers 403 to everything.
    yield {"Action": "s3:ListBucket", "Resource": bucket_arn}
    if access.reads:
        yield {"Action": "s3:GetObject", "Resource": [f"{bucket_arn}/{prefix}/*" for prefix in access.reads]}
    yield {
        "Action": ["s3:AbortMultipartUpload", "s3:PutObject"],
        "Resource": [f"{bucket_arn}/{prefix}/*" for prefix in access.writes],
    }


def _model_data(aws: AwsSettings, uri: str) -> Iterable[Statement]:
    name = uri.removeprefix("s3://")
    return [
        {"Action": "s3:GetObject", "Resource": f"arn:{aws.partition}:s3:::{name}"},
        {"Action": "s3:ListBucket", "Resource": f"arn:{aws.partition}:s3:::{name.partition('/')[0]}"},
    ]


def _key(key_arn: str) -> Iterable[Statement]:
    use = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    for_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [
        {"Action": use, "Resource": key_arn},
        {"Action": "kms:CreateGrant", "Resource": key_arn, "Condition": for_aws},
    ]


def _network(aws: AwsSettings) -> Iterable[Statement]:
    """An interface for each instance (https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html)."""
    own = f"arn:{aws.partition}:ec2:{aws.region}:{aws.account_id}"
    looks = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
    return [
        {"Action": [f"ec2:Describe{what}" for what in looks], "Resource": "*"},
        {
            "Action": [
                "ec2:CreateNetworkInterface",
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ],
            "Resource": [f"{own}:{kind}/*" for kind in ("network-interface", "security-group", "subnet")],
        },
    ]
