"""The `aws` and `eks` blocks."""

from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from infra.settings.instance_types import AWS_INSTANCE_TYPES
from infra.settings.model import DnsLabel, Settings, unit
from infra.versions import kubernetes_versions

SYSTEM_POOL = "system"

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
# fmt: off
LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)
# fmt: on


class Capacity(StrEnum):
    """How EC2 instances are bought; spot ones can be taken back with two minutes' notice."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"


class AwsSettings(Settings):
    """Where AWS resources live; `up` refuses credentials of any other account."""

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
    """AWS region of every resource, for example `eu-west-1`."""
    account_id: Annotated[str, Field(pattern=r"^[0-9]{12}$")]
    """AWS account number: 12 digits in quotes."""

    @property
    def partition(self) -> str:
        """First part of every ARN in the region (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html)."""
        return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(self.region.rsplit("-", 2)[0], "aws")

    @property
    def ec2_service(self) -> str:
        """Whom a node's role trusts (https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html)."""
        return "ec2.amazonaws.com.cn" if self.partition == "aws-cn" else "ec2.amazonaws.com"


def _subnettable(cidr: IPv4Network) -> IPv4Network:
    # Every pod takes an address of its own; from a /20 each private subnet gets 1,024.
    if cidr.prefixlen < 16 or cidr.prefixlen > 20:
        raise ValueError("must be between /16 and /20 (a VPC's largest size is /16; smaller than /20 starves pods)")
    return cidr


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError("must name each once")
    return names


class NetworkSettings(Settings):
    """The VPC that the stack creates."""

    cidr: Annotated[IPv4Network, AfterValidator(_subnettable)]
    """Address range of the VPC, /16 to /20; must not overlap networks that it will be peered with."""
    zones: Annotated[tuple[str, ...], Field(min_length=2, max_length=3), AfterValidator(_distinct)]
    """Availability zones, two or three, each with a public and a private subnet; named, so no subnet ever moves."""
    nat_gateways: Annotated[int, Field(ge=1, le=3), unit("gateways")] = 1
    """NAT gateways: 1 is cheapest, one per zone survives the loss of a zone."""

    @model_validator(mode="after")
    def _a_gateway_has_a_zone(self) -> Self:
        if self.nat_gateways > len(self.zones):
            raise ValueError(
                f"natGateways must be at most the number of zones, {len(self.zones)}, got {self.nat_gateways}"
            )
        return self


class SystemPoolSettings(Settings):
    """The nodes without GPU that run controllers and monitoring."""

    instance_types: Annotated[tuple[str, ...], Field(min_length=1)] = ("m7i.large",)
    """EC2 instance types, x86-64."""
    nodes: Annotated[int, Field(ge=2), unit("nodes")] = 2
    """Number of nodes; two at least, so that controllers survive the loss of one."""
    disk_gib: Annotated[int, Field(ge=20), unit("GiB")] = 50
    """Root volume per node, GiB."""


def _gpu_instance_types(types: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in types if name not in AWS_INSTANCE_TYPES]
    if unknown:
        families = ", ".join(sorted({name.split(".")[0] for name in AWS_INSTANCE_TYPES}))
        raise ValueError(f"must be known GPU instance types (families {families})")
    return types


class GpuPoolSettings(Settings):
    """GPU nodes of one kind of capacity: a managed group holds `min`, Karpenter grows to `max` for pending pods."""

    capacity: Capacity = Capacity.SPOT
    """`spot` or `on-demand`; spot pools are filled first."""
    instance_types: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_gpu_instance_types)]
    """EC2 GPU instance types; several make spot capacity easier to get."""
    min: Annotated[int, Field(ge=0), unit("nodes")] = 0
    """Nodes that are always there."""
    max: Annotated[int, Field(ge=1), unit("nodes")]
    """Most nodes, the always-there ones included."""
    disk_gib: Annotated[int, Field(ge=60), unit("GiB")] = 100
    """Root volume per node, GiB; the CUDA image alone takes 3."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max must be at least min, {self.min}, got {self.max}")
        return self

    @property
    def gpus_per_node(self) -> int:
        """The GPUs that each node is sure to have: those of the type with the fewest."""
        return min(AWS_INSTANCE_TYPES[name].count for name in self.instance_types)


def _supported(version: str) -> str:
    if version not in kubernetes_versions():
        raise ValueError(f"must be one of {', '.join(kubernetes_versions())}, which the checks know")
    return version


class EksSettings(Settings):
    """An EKS cluster with a system pool and GPU pools."""

    kubernetes_version: Annotated[str, AfterValidator(_supported)]
    """Kubernetes minor version in quotes: one that `infra/versions.yaml` lists."""
    network: NetworkSettings
    """The VPC."""
    deployers: Annotated[
        tuple[Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/.+$")], ...],
        Field(min_length=1),
        AfterValidator(_distinct),
    ]
    """IAM role or user ARNs with full rights in the cluster; whoever runs `up` must be among them."""
    public_access_cidrs: tuple[IPv4Network, ...] = ()
    """Address ranges that may reach the Kubernetes API from the internet; empty means from inside the VPC only."""
    system_pool: SystemPoolSettings = SystemPoolSettings()
    """Nodes for controllers and monitoring."""
    gpu_pools: Annotated[dict[DnsLabel, GpuPoolSettings], Field(min_length=1)]
    """GPU pools by name."""
    gpu_time_slices: Annotated[int, Field(ge=1, le=16), unit("pods per GPU")] = 1
    """Pods that share one GPU in turns; 1 means no sharing. Time-slicing isolates neither memory nor faults."""
    ami_release: Annotated[str, Field(pattern=r"^(latest|v[0-9]{8})$")] = "latest"
    """Amazon Linux 2023 release of Karpenter's nodes, as `v20260801`; `latest` replaces them whenever AWS releases."""
    log_retention_days: Annotated[int, Field(ge=1), unit("days")] = 30
    """Days that control plane logs are kept; one of the periods that CloudWatch offers."""
    deletion_protection: bool = False
    """Refuse to delete the cluster until this is set to false and applied."""

    @field_validator("public_access_cidrs")
    @classmethod
    def _not_the_whole_internet(cls, cidrs: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
        if any(cidr.prefixlen == 0 for cidr in cidrs):
            raise ValueError("must not open the API to the whole internet; name your office or VPN ranges")
        return cidrs

    @field_validator("log_retention_days")
    @classmethod
    def _offered(cls, days: int) -> int:
        if days not in LOG_RETENTION_DAYS:
            raise ValueError(f"must be one of {', '.join(map(str, LOG_RETENTION_DAYS))}")
        return days

    @model_validator(mode="after")
    def _one_system_pool(self) -> Self:
        if SYSTEM_POOL in self.gpu_pools:
            raise ValueError(f"gpuPools.{SYSTEM_POOL} must have another name: systemPool has that one")
        return self

    def gpu_pods(self, gpus: int) -> int:
        """How many pods with `gpus` GPUs (or slices) each the full pools hold; one pod's are all on one node."""
        return sum(pool.max * (pool.gpus_per_node * self.gpu_time_slices // gpus) for pool in self.gpu_pools.values())
