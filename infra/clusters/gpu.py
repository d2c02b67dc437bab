"""How nodes are marked and GPUs are asked for, on every cloud alike."""

GPU_RESOURCE = "nvidia.com/gpu"
"""The extended resource that the NVIDIA device plugin advertises (https://github.com/NVIDIA/k8s-device-plugin)."""

NODE_LABEL = ("inference-platform/gpu", "true")
"""Carried by every GPU node of ours, whoever started it, so that one selector finds them on every cloud."""

POOL_LABEL = "inference-platform/pool"
"""Key of the label that names a node's pool."""

NODE_TAINT = (GPU_RESOURCE, "present", "NoSchedule")
"""Key, value, effect. The key is the one that the GPU Operator's own pods tolerate by default."""
