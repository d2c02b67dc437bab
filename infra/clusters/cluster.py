"""What serving, add-ons and monitoring may know of a cluster, whichever cloud runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.networking.v1 import NetworkPolicyEgressRuleArgsDict

from infra.settings.backups import BackupSettings
from infra.settings.logs import CloudLogSettings


@dataclass(frozen=True, kw_only=True)
class InternalLoadBalancer:
    """How a Service asks for a load balancer that only the cluster's own network reaches."""

    load_balancer_class: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    external_traffic_policy: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceAccount:
    """Whom pods run as."""

    namespace: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Access:
    """What pods may do in the cloud: read secrets by name, read or write what lies below URLs, pull the stack's images.

    URLs are those of `model.source`: `s3://bucket/prefix`, `https://account.blob.core.windows.net/container/prefix`.
    In `dns_zone`, by Route 53's ID or Azure's resource ID, they may change text records.
    """

    secrets: Sequence[str] = ()
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()
    images: bool = False
    dns_zone: str | None = None


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a service account and its pods carry to have their access, and what they start after."""

    annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    pod_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    after: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True, kw_only=True)
class SecretStore:
    """Where secrets are kept, as a SecretStore of External Secrets names it, and the identity that reads them there.

    `value_key` is where a secret is a map; None where it is its value.
    https://external-secrets.io/latest/api/secretstore/
    """

    provider: Mapping[str, Any]
    identity: Identity = Identity()
    value_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class LogStore:
    """Where lines of containers are kept: an output of Fluent Bit, who writes there, and the way.

    `secrets` are variables of Fluent Bit, each with the name of a Secret beside it and the key there.
    """

    output: Mapping[str, Any]
    egress: Sequence[NetworkPolicyEgressRuleArgsDict]
    identity: Identity = Identity()
    secrets: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])


@dataclass(frozen=True, kw_only=True)
class BackupStore:
    """Where backups are kept, as restic names it, with the variables that it needs; the way, and who writes there.

    https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html
    """

    repository: pulumi.Input[str]
    egress: Sequence[NetworkPolicyEgressRuleArgsDict]
    variables: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    identity: Identity = Identity()


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
    def loading_annotations(self) -> Mapping[str, str]:
        """Annotations of pods whose node must not be taken away to save money while they load; for a time only."""
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
    def has_external_secrets(self) -> bool:
        """Whether External Secrets' custom resources are there already, which a second owner would fight over."""
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

    def group(self, name: str) -> str:
        """The Kubernetes group of the people whom settings call `name`."""
        ...

    def identity(self, name: str, account: ServiceAccount, access: Access) -> Identity:
        """Give an account access in the cloud, without a password; `name` is the logical name of what that takes."""
        ...

    def secret_store(self, name: str, account: ServiceAccount, secrets: Sequence[str]) -> SecretStore | None:
        """The store of the cluster's cloud, of which `account` may read `secrets`; None where there is none.

        `name` is the logical name of what that takes.
        """
        ...

    def log_store(self, name: str, account: ServiceAccount, settings: CloudLogSettings) -> LogStore | None:
        """The cloud's store of lines, where `account` may write; None where the cloud collects them itself, or none.

        `name` is the logical name of what that takes.
        """
        ...

    def backup_store(self, name: str, account: ServiceAccount, settings: BackupSettings) -> BackupStore | None:
        """The cluster's own store, in its cloud, where `account` may write; None where no cloud of the stack runs it.

        `name` is the logical name of what that takes.
        """
        ...
