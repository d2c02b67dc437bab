"""What waits for what in a state, and the longest chain of waits: no `up` is faster than that."""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Resource = Mapping[str, Any]

MINUTES: Mapping[str, float] = {
    # https://docs.aws.amazon.com/eks/latest/userguide/create-cluster.html: "takes several minutes"
    "aws:eks/cluster:Cluster": 9,
    "aws:eks/nodeGroup:NodeGroup": 3,
    "aws:eks/addon:Addon": 1,
    "aws:ec2/natGateway:NatGateway": 2,
    # https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-deploy-models.html
    "aws:sagemaker/endpoint:Endpoint": 8,
    "aws-native:sagemaker:Endpoint": 8,
    # https://learn.microsoft.com/azure/aks/learn/quick-kubernetes-deploy-cli: "after a few minutes"
    "azure-native:containerservice:ManagedCluster": 5,
    "azure-native:containerservice:AgentPool": 4,
    "azure-native:machinelearningservices:OnlineDeployment": 12,
    # The CUDA image is some gigabytes to build and to push.
    "docker-build:index:Image": 10,
    # A release waits until its pods are ready, a Deployment until a GPU node is there and the model is loaded.
    "kubernetes:helm.sh/v3:Release": 1.5,
    "kubernetes:apps/v1:Deployment": 8,
    "kubernetes:core/v1:Service": 3,
}
"""Roughly what a resource takes to be ready, in minutes; every other one takes `INSTANT`."""

INSTANT = 0.05
STACK = "::pulumi:pulumi:Stack::"


@dataclass(frozen=True, kw_only=True)
class Wait:
    """`later` is made after `earlier`, `because` of these properties, an option or its provider."""

    later: str
    earlier: str
    because: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.later} waits for {self.earlier} ({', '.join(self.because)})"


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Waits one after the other, and what they add up to."""

    length: float
    waits: tuple[Wait, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.waits))


def longest(resources: Iterable[Resource], cost: Callable[[str], float]) -> Chain:
    """The chain whose resources cost most together; `cost` is of a resource's type."""
    known = {str(each["urn"]): each for each in resources}

    @functools.cache
    def path(urn: str) -> tuple[float, tuple[str, ...]]:
        ahead = [path(each) for each in reasons(known[urn]) if each in known]
        length, before = max(ahead, default=(0.0, ()))
        own = cost(known[urn]["type"]) if known[urn]["custom"] else 0.0
        return length + own, (*before, urn)

    length, urns = max(path(urn) for urn in known)
    pairs = itertools.pairwise(urns)
    return Chain(
        length=length,
        waits=tuple(
            Wait(later=short(later), earlier=short(earlier), because=tuple(sorted(reasons(known[later])[earlier])))
            for earlier, later in pairs
        ),
    )


def reasons(resource: Resource) -> dict[str, set[str]]:
    """Why a resource waits, by the URN of what it waits for."""
    found: dict[str, set[str]] = {}
    by_property: Mapping[str, Sequence[str] | None] = resource.get("propertyDependencies") or {}
    for name, urns in by_property.items():
        for urn in urns or []:
            found.setdefault(urn, set()).add(name)
    stated: Sequence[str] = resource.get("dependencies") or []
    for urn in stated:
        found.setdefault(urn, {"depends_on"})
    if provider := resource.get("provider", "").rpartition("::")[0]:
        found.setdefault(provider, set()).add("provider")
    parent = resource.get("parent", "")  # which a component's `depends_on` holds up, and its children with it
    if parent and STACK not in parent:
        found.setdefault(parent, {"parent"})
    return found


def by_count(type_: str) -> float:
    """Every resource costs the same."""
    del type_
    return 1.0


def by_minutes(type_: str) -> float:
    """What a resource takes, roughly."""
    return MINUTES.get(type_, INSTANT)


def short(urn: str) -> str:
    """A resource's type and name, without its stack and parents."""
    _, _, types, name = urn.split("::", 3)
    return f"{types.rpartition('$')[2]} {name}"
