"""How many pods may be taken at once."""

from collections.abc import Mapping

from pulumi_kubernetes.policy.v1 import PodDisruptionBudgetSpecArgsDict


def budget_spec(labels: Mapping[str, str]) -> PodDisruptionBudgetSpecArgsDict:
    """One of the pods with `labels` at a time."""
    return {
        "selector": {"match_labels": labels},
        "max_unavailable": 1,
        # A pod that is not ready protects nobody, and must not keep a node from being drained.
        "unhealthy_pod_eviction_policy": "AlwaysAllow",
    }
