"""What serving, add-ons and monitoring may know of a cluster, whichever cloud runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pulumi
import pulumi_kubernetes as kubernetes


@dataclass(frozen=True, kw_only=True)
class InternalLoadBalancer:
    """How a Service asks for a load balancer that only the cluster's own network reaches."""

    load_balancer_class: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    external_traffic_policy: str | None = None


class Cluster(Protocol):
    """A Kubernetes cluster with GPU nodes, marked as `infra.clusters.gpu` says."""

    @property
    def name(self) -> str:
        """Logical name, unique in the stack; the prefix of what runs on the cluster."""
        ...

    @property
    def provider(self) -> kubernetes.Provider:
        """Provider of every Kubernetes object on the cluster; usable once system nodes run."""
        ...

    @property
    def ready(self) -> Sequence[pulumi.Resource]:
        """What a workload waits for, and outlives nothing of: GPU nodes and load balancers can be had after these."""
        ...

    @property
    def kubeconfig(self) -> pulumi.Output[str]:
        """How people reach the cluster; holds no credentials."""
        ...

    @property
    def gpu_time_slices(self) -> int:
        """Pods that share one GPU in turns."""
        ...

    @property
    def network_cidr(self) -> str:
        """Address range of nodes, pods and internal load balancers."""
        ...

    @property
    def spot_labels(self) -> Sequence[tuple[str, str]]:
        """Labels that spot nodes carry; a node has one of them, depending on who started it."""
        ...

    @property
    def gpu_taints(self) -> Sequence[tuple[str, str, str]]:
        """Taints (key, value, effect) that GPU nodes may carry; what runs on them tolerates each."""
        ...

    @property
    def gpu_runtime_class(self) -> str | None:
        """RuntimeClass that the GPU Operator's own pods need; None where nodes' default runtime reaches the GPUs."""
        ...

    @property
    def has_gpu_operator(self) -> bool:
        """Whether something advertises and shares the GPUs already, which a second one would fight."""
        ...

    @property
    def storage_class(self) -> str:
        """StorageClass of encrypted volumes for one node at a time."""
        ...

    @property
    def shared_storage_class(self) -> str | None:
        """StorageClass of volumes that many nodes mount at once; None where the cluster has none."""
        ...

    @property
    def internal_load_balancer(self) -> InternalLoadBalancer:
        """How Services ask for an internal load balancer."""
        ...
