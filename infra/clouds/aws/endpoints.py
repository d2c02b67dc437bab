"""VPC endpoints: AWS services reached inside the network, not through NAT."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.iam import policy
from infra.clouds.aws.network import Network
from infra.settings.aws import AwsSettings

INTERFACES = ("ecr.api", "ecr.dkr", "logs", "monitoring", "sts")

# https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/aws-ec2/lib/vpc-endpoint.ts
CHINESE = frozenset({"ecr.api", "ecr.dkr", "monitoring", "sts"})
"""Those whose names begin otherwise in the Chinese regions."""


@dataclass(frozen=True, kw_only=True)
class VpcEndpointsArgs:
    """`interfaces` adds the endpoints that cost money."""

    aws: AwsSettings
    network: Network
    interfaces: bool


class VpcEndpoints(pulumi.ComponentResource):
    """S3 by the private subnets' routes and, where asked for, ECR, CloudWatch and STS by an address in each zone.

    With these, image layers do not pay for NAT (https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html).
    """

    def __init__(self, name: str, args: VpcEndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:aws:VpcEndpoints", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        gateway = aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=args.network.vpc_id,
            vpc_endpoint_type="Gateway",
            service_name=service_name(args.aws, "s3"),
            route_table_ids=args.network.private_route_table_ids,
            policy=s3_policy(args.aws.account_id),
            opts=self._child,
        )
        if args.interfaces:
            group = self._security_group()
            for service in INTERFACES:
                self._interface(service, group)
        self.register_outputs({"s3": gateway.id})

    def _interface(self, service: str, group: aws.ec2.SecurityGroup) -> None:
        account = self._args.aws.account_id
        aws.ec2.VpcEndpoint(
            f"{self._name}-{service.replace('.', '-')}",
            vpc_id=self._args.network.vpc_id,
            vpc_endpoint_type="Interface",
            service_name=service_name(self._args.aws, service),
            subnet_ids=self._args.network.private_subnet_ids,
            security_group_ids=[group.id],
            private_dns_enabled=True,
            # Who signs in at STS with a token of an OpenID provider has no account yet, so any may ask it.
            policy=None if service == "sts" else account_policy(account),
            opts=self._child,
        )

    def _security_group(self) -> aws.ec2.SecurityGroup:
        name = f"{self._name}-endpoints"
        group = aws.ec2.SecurityGroup(
            name,
            description="AWS services inside the network",
            vpc_id=self._args.network.vpc_id,
            opts=self._child,
        )
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group.id,
            cidr_ipv4=self._args.network.cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=self._child,
        )
        return group


def service_name(settings: AwsSettings, service: str) -> str:
    """An AWS service's name as an endpoint (https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html)."""
    prefix = "cn." if settings.partition == "aws-cn" and service in CHINESE else ""
    return f"{prefix}com.amazonaws.{settings.region}.{service}"


def account_policy(account_id: str) -> str:
    """Nobody uses the endpoint with another account's credentials.

    It bounds what the callers' own policies allow (https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html).
    """
    own = {"StringEquals": {"aws:PrincipalAccount": account_id}}
    return policy({"Principal": "*", "Action": "*", "Resource": "*", "Condition": own})


def s3_policy(account_id: str) -> str:
    """Anyone's objects may be read, as registries keep layers in their own buckets; only the account's are written.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_data-perimeters.html
    """
    own = {"StringEquals": {"aws:PrincipalAccount": account_id, "aws:ResourceAccount": account_id}}
    return policy(
        {"Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"},
        {"Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": own},
    )
