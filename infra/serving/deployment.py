"""How the pods that serve a model are replaced: new ones before old ones go."""

from collections.abc import Mapping

from pulumi_kubernetes.apps.v1 import DeploymentSpecArgsDict
from pulumi_kubernetes.core.v1 import PodSpecArgsDict

from infra.clusters.cluster import Cluster, Identity
from infra.settings.replicas import ROLLOUT_SURGE

# A spot node's boot and the CUDA image's pull come before the first pod is ready.
ROLLOUT_SECONDS = 25 * 60


def deployment_spec(
    labels: Mapping[str, str], identity: Identity, cluster: Cluster, pod_spec: PodSpecArgsDict
) -> DeploymentSpecArgsDict:
    """New pods before old ones go; no `replicas`: the autoscaler owns the number, and an `up` must not fight it."""
    return {
        "selector": {"match_labels": labels},
        "strategy": {
            "type": "RollingUpdate",
            "rolling_update": {"max_surge": ROLLOUT_SURGE, "max_unavailable": 0},
        },
        "min_ready_seconds": 5,
        "progress_deadline_seconds": ROLLOUT_SECONDS,
        "revision_history_limit": 5,
        "template": {
            "metadata": {
                "labels": {**labels, **identity.pod_labels},
                "annotations": cluster.loading_annotations,
            },
            "spec": pod_spec,
        },
    }
