"""The `eks` block."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.compatibility.hardware import because
from infra.settings.access import GroupName
from infra.settings.aws import LogRetentionDays
from infra.settings.clusters import CloudClusterSettings, PoolSettings, gpu_pods
from infra.settings.instance_types import AWS_INSTANCE_TYPES
from infra.settings.model import DnsLabel, Settings, distinct, unit

LATEST = "latest"

# https://docs.aws.amazon.com/efs/latest/ug/API_LifecyclePolicy.html
INFREQUENT_AFTER_DAYS = (1, 7, 14, 30, 60, 90, 180, 270, 365)


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
        raise ValueError(f"must be known GPU instance types (families {families}){because(unknown)}")
    return types


class GpuPoolSettings(PoolSettings):
    """GPU nodes of one kind of capacity: a managed group holds `min`, Karpenter grows to `max` for pending pods."""

    instance_types: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_gpu_instance_types)]
    """EC2 GPU instance types; several make spot capacity easier to get."""

    @property
    def gpus_per_node(self) -> int:
        """The GPUs that each node is sure to have: those of the type with the fewest."""
        return min(AWS_INSTANCE_TYPES[name].count for name in self.instance_types)


def _offered(days: int) -> int:
    if days not in INFREQUENT_AFTER_DAYS:
        raise ValueError(f"must be one of {', '.join(map(str, INFREQUENT_AFTER_DAYS))}")
    return days


class SharedStorageSettings(Settings):
    """Files that pods on many nodes share, in Amazon EFS."""

    infrequent_after_days: Annotated[int, AfterValidator(_offered), unit("days")] = 30
    """Days unread until a file moves to the storage class that is cheaper to keep; the next read moves it back."""
    backups: bool = True
    """A backup a day, each kept for 35 days."""


Principals = Annotated[
    tuple[Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/.+$")], ...],
    Field(min_length=1),
    AfterValidator(distinct),
]


class EksSettings(CloudClusterSettings):
    """An EKS cluster with a system pool and GPU pools."""

    deployers: Principals
    """IAM role or user ARNs with full rights in the cluster; whoever runs `up` must be among them."""
    groups: Annotated[dict[GroupName, Principals], Field(default_factory=dict)]
    """IAM role or user ARNs by the Kubernetes group that they are members of, for `serving.access` to name. A group
    that is named nowhere has no rights."""
    system_pool: SystemPoolSettings = SystemPoolSettings()
    """Nodes for controllers and monitoring."""
    gpu_pools: Annotated[dict[DnsLabel, GpuPoolSettings], Field(min_length=1)]
    """GPU pools by name."""
    shared_storage: SharedStorageSettings | None = None
    """Volumes that pods on many nodes mount at once; absent means none."""
    # https://github.com/awslabs/amazon-eks-ami/releases names both parts: Kubernetes' version and the day.
    ami_release: Annotated[str, Field(pattern=r"^(latest|1\.[0-9]{2}\.[0-9]{1,2}-[0-9]{8})$")] = LATEST
    """Image release of all nodes, as `1.36.3-20260801`. With `latest` only Karpenter's nodes follow AWS's releases."""
    log_retention_days: LogRetentionDays = 30
    """Days that control plane logs are kept; one of the periods that CloudWatch offers."""
    deletion_protection: bool = False
    """Refuse to delete the cluster and its shared files until this is set to false and applied."""

    @model_validator(mode="after")
    def _images_are_of_the_clusters_version(self) -> Self:
        release, version = self.ami_release, self.kubernetes_version
        if release != LATEST and not release.startswith(f"{version}."):
            raise ValueError(
                f"amiRelease must be a release for Kubernetes {version}, got {release}; change both at once"
            )
        return self

    @model_validator(mode="after")
    def _one_way_in_each(self) -> Self:
        for arn, names in self.members.items():
            if arn in self.deployers:
                raise ValueError(f"groups.{names[0]} must not have {arn}: as a deployer it has every right already")
        return self

    @property
    def members(self) -> dict[str, list[str]]:
        """The groups of each principal that has any, by its ARN."""
        principals = dict.fromkeys(arn for members in self.groups.values() for arn in members)
        return {arn: [name for name, members in self.groups.items() if arn in members] for arn in principals}

    def gpu_pods(self, gpus: int) -> int:
        """How many pods with `gpus` GPUs (or slices) each the full pools hold."""
        return gpu_pods(self.gpu_pools.values(), self.gpu_time_slices, gpus)
