"""The `aws` block: account, region, network."""

from ipaddress import IPv4Network
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.model import Settings, distinct, unit

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
# fmt: off
LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)
# fmt: on


def _offered(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        raise ValueError(f"must be one of {', '.join(map(str, LOG_RETENTION_DAYS))}")
    return days


LogRetentionDays = Annotated[int, Field(ge=1), AfterValidator(_offered), unit("days")]


def _subnettable(cidr: IPv4Network) -> IPv4Network:
    # Every pod takes an address of its own; from a /20 each private subnet gets 1,024.
    if cidr.prefixlen < 16 or cidr.prefixlen > 20:
        raise ValueError("must be between /16 and /20 (a VPC's largest size is /16; smaller than /20 starves pods)")
    return cidr


class NetworkSettings(Settings):
    """The VPC that the stack creates."""

    cidr: Annotated[IPv4Network, AfterValidator(_subnettable)]
    """Address range of the VPC, /16 to /20; must not overlap networks that it will be peered with."""
    zones: Annotated[tuple[str, ...], Field(min_length=2, max_length=3), AfterValidator(distinct)]
    """Availability zones, two or three, each with a public and a private subnet; named, so no subnet ever moves."""
    nat_gateways: Annotated[int, Field(ge=1, le=3), unit("gateways")] = 1
    """NAT gateways: 1 is cheapest, one per zone survives the loss of a zone."""
    # Five services in each zone at about 0.01 USD an hour (https://aws.amazon.com/privatelink/pricing/).
    endpoints: bool = False
    """Reach ECR, STS and CloudWatch inside the network: about 37 USD a month for each zone. S3 always is, for free."""

    @model_validator(mode="after")
    def _a_gateway_has_a_zone(self) -> Self:
        if self.nat_gateways > len(self.zones):
            raise ValueError(
                f"natGateways must be at most the number of zones, {len(self.zones)}, got {self.nat_gateways}"
            )
        return self


class AwsSettings(Settings):
    """Where AWS resources live; `up` refuses credentials of any other account."""

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
    """AWS region of every resource, for example `eu-west-1`."""
    account_id: Annotated[str, Field(pattern=r"^[0-9]{12}$")]
    """AWS account number: 12 digits in quotes."""
    network: NetworkSettings | None = None
    """The VPC that clusters and, where they ask for it, endpoints live in."""

    @property
    def partition(self) -> str:
        """First part of every ARN in the region (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html)."""
        return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(self.region.rsplit("-", 2)[0], "aws")

    @property
    def ec2_service(self) -> str:
        """Whom a node's role trusts (https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html)."""
        return "ec2.amazonaws.com.cn" if self.partition == "aws-cn" else "ec2.amazonaws.com"

    @model_validator(mode="after")
    def _zones_lie_in_the_region(self) -> Self:
        elsewhere = [zone for zone in self.network.zones if not zone.startswith(self.region)] if self.network else []
        if elsewhere:
            raise ValueError(f"network.zones must lie in region {self.region}, got {elsewhere[0]}")
        return self
