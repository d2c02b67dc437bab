"""What the settings of all clusters share."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Protocol, Self

from pydantic import AfterValidator, Field, model_validator

from infra.compatibility.pins import outside
from infra.settings.model import Bounds, Settings, unit
from infra.versions import kubernetes_versions

SYSTEM_POOL = "system"
"""The pool without GPUs, which every cluster has; no other may have its name."""

# `namespace/name` (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/).
ServiceAccountName = Annotated[
    str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")
]


class Capacity(StrEnum):
    """How machines are bought; the cloud can take spot ones back: AWS with 120 s of notice, Azure with 30 s."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"


def _supported(version: str) -> str:
    if version not in kubernetes_versions():
        why = outside(version)
        raise ValueError(
            f"must be one of {', '.join(kubernetes_versions())}, which the checks know" + (f": {why}" if why else "")
        )
    return version


KubernetesVersion = Annotated[str, AfterValidator(_supported)]


def _not_the_whole_internet(cidrs: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
    if any(cidr.prefixlen == 0 for cidr in cidrs):
        raise ValueError("must not open the API to the whole internet; name your office or VPN ranges")
    return cidrs


PublicAccessCidrs = Annotated[tuple[IPv4Network, ...], AfterValidator(_not_the_whole_internet)]


class PoolSettings(Bounds):
    """GPU nodes of one kind of capacity."""

    capacity: Capacity = Capacity.SPOT
    """`spot` or `on-demand`; spot pools are filled first."""
    min: Annotated[int, Field(ge=0), unit("nodes")] = 0
    """Nodes that are always there."""
    max: Annotated[int, Field(ge=1), unit("nodes")]
    """Most nodes, the always-there ones included."""
    min_outside_office_hours: Annotated[int | None, Field(ge=0), unit("nodes")] = None
    """Nodes that are there outside `officeHours`; absent means `min` around the clock."""
    disk_gib: Annotated[int, Field(ge=60), unit("GiB")] = 100
    """Disk per node, GiB; the CUDA image alone takes 3."""


class GpuPool(Protocol):
    """What a pool's capacity is counted by."""

    @property
    def max(self) -> int:
        """Most nodes."""
        ...

    @property
    def gpus_per_node(self) -> int:
        """GPUs that each node is sure to have."""
        ...


def gpu_pods(pools: Iterable[GpuPool], time_slices: int, gpus: int) -> int:
    """How many pods with `gpus` GPUs (or slices) each the full pools hold; one pod's are all on one node."""
    return sum(pool.max * (pool.gpus_per_node * time_slices // gpus) for pool in pools)


class ClusterSettings(Settings):
    """What the settings of all clusters share."""

    gpu_time_slices: Annotated[int, Field(ge=1, le=16), unit("pods per GPU")] = 1
    """Pods that share one GPU in turns; 1 means no sharing. Time-slicing isolates neither memory nor faults."""


class CloudClusterSettings(ClusterSettings):
    """What the settings of clusters share that the stack makes."""

    kubernetes_version: KubernetesVersion
    """Kubernetes minor version in quotes: one that `infra/versions.yaml` lists."""
    public_access_cidrs: PublicAccessCidrs = ()
    """Address ranges that may reach the Kubernetes API from the internet; empty: from inside the network only."""

    @model_validator(mode="after")
    def _one_system_pool(self) -> Self:
        pools: Mapping[str, object] = getattr(self, "gpu_pools", {})
        if SYSTEM_POOL in pools:
            raise ValueError(f"gpuPools.{SYSTEM_POOL} must have another name: systemPool has that one")
        return self
