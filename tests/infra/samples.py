"""Valid settings to start from, a cluster of no cloud, and what tests ask of a plan."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from infra.clusters.cluster import (
    Access,
    BackupStore,
    Cluster,
    Identity,
    InternalLoadBalancer,
    LogStore,
    SecretStore,
    ServiceAccount,
)
from infra.clusters.gpu import NODE_TAINT
from infra.preview import Plan, Resource, run
from infra.settings.backups import BackupSettings
from infra.settings.logs import CloudLogSettings
from infra.settings.stack import StackSettings

DIGEST = "sha256:" + "0" * 64
REMOVED = object()

_BLOCKS: dict[str, Any] = {
    "tags": {"owner": "ml-platform"},
    "charts": {},
    "aws": {
        "region": "eu-west-1",
        "accountId": "111122223333",
        "network": {"cidr": "10.0.0.0/16", "zones": ["eu-west-1a", "eu-west-1b", "eu-west-1c"]},
    },
    "eks": {
        "kubernetesVersion": "1.36",
        "deployers": ["arn:aws:iam::111122223333:role/deployer"],
        "systemPool": {},
        "gpuPools": {
            "spot": {"capacity": "spot", "instanceTypes": ["g6.xlarge", "g4dn.xlarge"], "min": 1, "max": 4},
            "fixed": {"capacity": "on-demand", "instanceTypes": ["g5.xlarge"], "min": 2, "max": 2},
        },
    },
    "image": {},
    "model": {"name": "digits", "batching": {}},
    "serving": {"replicas": {}, "resources": {}, "autoscaling": {}},
    "monitoring": {"objectives": {}},
}

AZURE: dict[str, Any] = {
    "subscriptionId": "00000000-0000-0000-0000-000000000000",
    "tenantId": "11111111-1111-1111-1111-111111111111",
    "location": "westeurope",
    "network": {"cidr": "10.32.0.0/16"},
}
T4: dict[str, Any] = {"vmSize": "Standard_NC4as_T4_v3", "max": 4}
AKS: dict[str, Any] = {
    "kubernetesVersion": "1.36",
    "administrators": ["22222222-2222-2222-2222-222222222222"],
    "gpuPools": {"t4": T4},
}
"""Blocks of a stack in Azure, and a pool of its GPU nodes."""


def blocks(changes: Mapping[str, object] | None = None) -> dict[str, Any]:
    """A whole stack file's blocks, changed at dotted paths; `REMOVED` takes a key away."""
    changed = deepcopy(_BLOCKS)
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        block = changed
        for parent in parents:
            block = block[parent]
        if value is REMOVED:
            del block[last]
        else:
            block[last] = value
    return changed


def settings(changes: Mapping[str, object] | None = None) -> StackSettings:
    """Settings of those blocks."""
    return StackSettings.model_validate_json(json.dumps(blocks(changes)))


LOADING = {"example.com/loading": "a while"}
BALANCER = InternalLoadBalancer(
    load_balancer_class="example.com/balancer", annotations={"example.com/internal": "true"}
)


@dataclass(frozen=True, kw_only=True)
class PlainCluster:
    """A cluster that no cloud runs; what differs between clouds has values of its own here."""

    provider: kubernetes.Provider
    kubeconfig: pulumi.Output[str]
    ready: Sequence[pulumi.Resource] = ()
    name: str = "plain"
    gpu_time_slices: int = 3
    network_cidr: str = "192.0.2.0/24"
    spot_labels: Sequence[tuple[str, str]] = (("example.com/spot", "yes"), ("example.com/cheap", "yes"))
    gpu_taints: Sequence[tuple[str, str, str]] = (NODE_TAINT, ("example.com/spot", "yes", "NoSchedule"))
    gpu_runtime_class: str | None = "example"
    has_gpu_operator: bool = False
    has_external_secrets: bool = False
    storage_class: str = "encrypted"
    shared_storage_class: str | None = "shared"
    internal_load_balancer: InternalLoadBalancer = BALANCER
    loading_annotations: Mapping[str, str] = field(default_factory=lambda: dict(LOADING))

    def group(self, name: str) -> str:
        """A name of its own."""
        return f"plain:{name}"

    def identity(self, name: str, account: ServiceAccount, access: Access) -> Identity:
        """Annotations that tell of what was asked for."""
        asked = [account.namespace, account.name, *access.secrets, *access.reads, *access.writes]
        return Identity(annotations={"example.com/access": " ".join(asked)}, pod_labels={"example.com/identity": name})

    def secret_store(self, name: str, account: ServiceAccount, secrets: Sequence[str]) -> SecretStore | None:
        """None: no cloud, no store."""
        del name, account, secrets
        return None

    def backup_store(self, name: str, account: ServiceAccount, settings: BackupSettings) -> BackupStore | None:
        """None: no cloud, no store."""
        del name, account, settings
        return None

    def log_store(self, name: str, account: ServiceAccount, settings: CloudLogSettings) -> LogStore | None:
        """None: no cloud, no store."""
        del name, account, settings
        return None


def on_cluster(build: Callable[[Cluster, pulumi.ResourceOptions], object], **options: Any) -> Plan:
    """Run `build` with a cluster of no cloud, and the options that put components on it."""

    def program() -> None:
        provider = kubernetes.Provider("plain", kubeconfig="{}", cluster_identifier="plain")
        ready = random.RandomId("controllers", byte_length=1)
        cluster = PlainCluster(provider=provider, kubeconfig=provider.urn, ready=[ready])
        build(cluster, pulumi.ResourceOptions(providers=[provider]))

    return run(program, {}, **options)


def children(plan: Plan, component: str, name: str | None = None) -> Counter[str]:
    """How many children of each type the component of that type has."""
    parent = plan.one(component, name).urn
    return Counter(resource.type for resource in plan.resources if resource.parent == parent)


def waits_for(plan: Plan, later: Resource, earlier: Resource) -> bool:
    """Whether `later` is made only after `earlier`, directly or through others."""
    seen: set[str] = set()
    queue = [later.urn]
    by_urn = {resource.urn: resource for resource in plan.resources}
    while queue:
        urn = queue.pop()
        if urn in seen or urn not in by_urn:
            continue
        seen.add(urn)
        resource = by_urn[urn]
        queue += [*resource.dependencies, *([resource.provider] if resource.provider else [])]
    return earlier.urn in seen - {later.urn}
