"""Names of metrics that others export of a cluster: NVIDIA's of the GPUs, kube-state-metrics' of the objects."""

import re

# What the GPU Operator lets it tell: https://github.com/NVIDIA/dcgm-exporter/blob/main/etc/dcp-metrics-included.csv
# Labels of each: `hostname` (https://github.com/NVIDIA/dcgm-exporter/pull/655), `gpu`, `UUID`, `modelName`; and
# `namespace`, `pod` and `container` of the GPU's user.
GPU_UTILISATION = "DCGM_FI_DEV_GPU_UTIL"
"""Percent of the time in which something ran on the GPU."""
GPU_MEMORY_USED = "DCGM_FI_DEV_FB_USED"
"""MiB."""
GPU_MEMORY_FREE = "DCGM_FI_DEV_FB_FREE"
"""MiB."""
GPU_TEMPERATURE = "DCGM_FI_DEV_GPU_TEMP"
"""Degrees Celsius."""
GPU_POWER = "DCGM_FI_DEV_POWER_USAGE"
"""Watts."""
GPU_XID = "DCGM_FI_DEV_XID_ERRORS"
"""Number of the last error, 0 where there was none (https://docs.nvidia.com/deploy/xid-errors/)."""

# https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics
DEPLOYMENT_REPLICAS = "kube_deployment_spec_replicas"
"""By `namespace` and `deployment`, as the next."""
DEPLOYMENT_AVAILABLE = "kube_deployment_status_replicas_available"
POD_UNSCHEDULABLE = "kube_pod_status_unschedulable"
"""1 for a pod that no node takes, by `namespace` and `pod`; absent for all others."""
AUTOSCALER_DESIRED = "kube_horizontalpodautoscaler_status_desired_replicas"
"""By `namespace` and `horizontalpodautoscaler`, as the next three."""
AUTOSCALER_LEAST = "kube_horizontalpodautoscaler_spec_min_replicas"
AUTOSCALER_MOST = "kube_horizontalpodautoscaler_spec_max_replicas"
AUTOSCALER_CONDITION = "kube_horizontalpodautoscaler_status_condition"
"""1 for the `status` (true, false, unknown) that a `condition` has."""
NODE_LABELS = "kube_node_labels"
"""1 for each `node`, with those of its labels that kube-state-metrics was told of, by `node_label`."""
NODE_ALLOCATABLE = "kube_node_status_allocatable"
"""By `node`, `resource` and `unit`."""
POD_REQUESTS = "kube_pod_container_resource_requests"
"""By `namespace`, `pod`, `node`, `container`, `resource` and `unit`."""

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
"""Label that every cloud gives to its nodes (https://kubernetes.io/docs/reference/labels-annotations-taints/)."""


def node_label(key: str) -> str:
    """The name that a node's label has in `NODE_LABELS`.

    https://github.com/kubernetes/kube-state-metrics/blob/main/internal/store/utils.go
    """
    return "label_" + re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"[^a-zA-Z0-9_]", "_", key)).lower()


def resource_label(name: str) -> str:
    """The value that an extended resource, `nvidia.com/gpu` for one, has in the label `resource`."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)
