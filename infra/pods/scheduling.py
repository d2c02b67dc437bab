"""Where pods may run and where they would rather: GPU nodes only with a GPU, spot first, spread out."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pulumi_kubernetes.core.v1 import (
    AffinityArgsDict,
    PodSpecArgsDict,
    TolerationArgsDict,
    TopologySpreadConstraintArgsDict,
)

from infra.clusters.gpu import NODE_LABEL


class GpuScheduling(Protocol):
    """How the cluster marks GPU nodes; a `Cluster` satisfies it."""

    @property
    def spot_labels(self) -> Sequence[tuple[str, str]]:
        """Labels that spot nodes carry."""
        ...

    @property
    def gpu_taints(self) -> Sequence[tuple[str, str, str]]:
        """Taints that GPU nodes may carry."""
        ...


def on_gpu_nodes(pod: PodSpecArgsDict, scheduling: GpuScheduling) -> PodSpecArgsDict:
    """`pod` so that it runs on GPU nodes only, spot first."""
    return {
        **pod,
        "node_selector": dict([NODE_LABEL]),
        "tolerations": [toleration(*taint) for taint in scheduling.gpu_taints],
        "affinity": prefer_spot(scheduling.spot_labels),
    }


def toleration(key: str, value: str, effect: str) -> TolerationArgsDict:
    """Lets a pod onto nodes with that taint."""
    return {"key": key, "operator": "Equal", "value": value, "effect": effect}


def prefer_spot(spot_labels: Sequence[tuple[str, str]]) -> AffinityArgsDict:
    """Spot nodes first, whoever started them; any other GPU node when there is none."""
    preferences: list[Any] = [
        {"weight": 100, "preference": {"match_expressions": [{"key": key, "operator": "In", "values": [value]}]}}
        for key, value in spot_labels
    ]
    return {"node_affinity": {"preferred_during_scheduling_ignored_during_execution": preferences}}


def spread(labels: Mapping[str, str]) -> list[TopologySpreadConstraintArgsDict]:
    """Over zones and nodes as evenly as there is room; a rollout's new pods are counted by themselves."""
    return [
        {
            "max_skew": 1,
            "topology_key": key,
            "when_unsatisfiable": "ScheduleAnyway",
            "label_selector": {"match_labels": labels},
            "match_label_keys": ["pod-template-hash"],
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
