"""The pairs in a stack file that do not fit; each returns both sides and what to do, or None."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from infra.compatibility.hardware import driver_needed, is_arm64
from infra.compatibility.table import table
from infra.settings.aks import AZURE_VM_SIZES
from infra.settings.eks import LATEST
from infra.settings.image import ImageSettings
from infra.settings.instance_types import AWS_INSTANCE_TYPES, GpuInstanceType
from infra.settings.runtime import Runtime

if TYPE_CHECKING:
    from infra.settings.stack import StackSettings

EKS_IMAGE = "AL2023_x86_64_NVIDIA"
BASE = ImageSettings().base
MIB_PER_GIB = 1024


def machines_are_x86(stack: StackSettings) -> str | None:
    """Every machine runs the images, which are for x86-64."""
    for key, instance_type, instead in _machines_by_any_name(stack):
        if is_arm64(instance_type):
            return (
                f"{key} must be x86-64, got {instance_type}: it has arm64 processors, and the images are for x86-64; "
                f"take {instead}"
            )
    return None


def _machines_by_any_name(stack: StackSettings) -> Iterator[tuple[str, str, str]]:
    if stack.eks:
        for instance_type in stack.eks.system_pool.instance_types:
            yield "eks.systemPool.instanceTypes", instance_type, "m7i.large"
    if stack.aks:
        yield "aks.systemPool.vmSize", stack.aks.system_pool.vm_size, "Standard_D4as_v5"
    if stack.azure_ml and stack.azure_ml.instance_type:
        yield "azureMl.instanceType", stack.azure_ml.instance_type, "Standard_DS3_v2"


def node_images_have_the_driver(stack: StackSettings) -> str | None:
    """A pinned release of the nodes' image is none from before the driver that CUDA needs."""
    release = stack.eks.ami_release if stack.eks else LATEST
    image = table().drivers[EKS_IMAGE]
    if release == LATEST or release.rpartition("-")[2] >= image.since:
        return None
    return (
        f"eks.amiRelease must be of {image.since} or later, got {release}: since then {EKS_IMAGE} has driver "
        f"{image.driver}, and {driver_needed()}; name a later release, or {LATEST}"
    )


# A tag of the official image, wherever it is mirrored; one without a minor version says nothing.
_PYTHON = re.compile(r"(?:.*/)?python:(?P<version>3\.\d+)(?P<rest>[-.\w]*)(?:@.*)?")


def base_images_fit_the_wheels(stack: StackSettings) -> str | None:
    """The image is built on a Python, and a C library, that the locked wheels are for."""
    base = stack.image and not stack.image.digest and _PYTHON.fullmatch(stack.image.base)
    if not (stack.image and base):
        return None
    pythons = table().base_image.python
    if not pythons.holds(base["version"]):
        return (
            f"image.base must have Python {pythons}, got {stack.image.base}: the locked wheels are for these; take "
            f"{BASE}"
        )
    if "alpine" in base["rest"]:
        return (
            f"image.base must have glibc, got {stack.image.base}: ONNX Runtime has no wheels for Alpine's musl; take "
            f"{BASE}"
        )
    return None


# The project's own image, wherever it is mirrored; a tag without `gpu` is built without CUDA
# (https://github.com/tensorflow/serving/blob/2.20.0/tensorflow_serving/g3doc/docker.md).
_TENSORFLOW_SERVING = re.compile(r"(?:.*/)?tensorflow/serving:(?P<tag>[-.\w]+)@.*")


def tensorflow_serving_uses_its_gpu(stack: StackSettings) -> str | None:
    """No GPU is held by an image that is built without CUDA."""
    serving = stack.serving
    if not (serving and serving.gpus and serving.runtime is Runtime.TENSORFLOW_SERVING and serving.tensor_flow_serving):
        return None
    image = serving.tensor_flow_serving.image
    found = _TENSORFLOW_SERVING.fullmatch(image)
    if not found or "gpu" in found["tag"]:
        return None
    return (
        f"serving.tensorFlowServing.image must be one with CUDA where serving.gpus is {serving.gpus}, got {image}: it "
        f"runs on CPU and would keep GPUs idle; take the tag {found['tag']}-gpu, or set serving.gpus to 0"
    )


def models_fit_the_smallest_gpu(stack: StackSettings) -> str | None:
    """What one model may take is there on every GPU, however many pods share it."""
    limit = stack.serving.gpu_memory_limit_mib if stack.serving else None
    for block, slices, name, found in _gpus(stack) if limit else ():
        each = found.memory_gib * MIB_PER_GIB // slices
        if limit and limit > each:
            shared = f", {each} for each of the {slices} pods that share it" if slices > 1 else ""
            return (
                f"serving.gpuMemoryLimitMib must fit every GPU of {block}.gpuPools, got {limit}: the {found.gpu} of "
                f"{name} has {found.memory_gib * MIB_PER_GIB} MiB{shared}; lower it, or take larger GPUs"
            )
    return None


def _gpus(stack: StackSettings) -> Iterator[tuple[str, int, str, GpuInstanceType]]:
    """The cloud's block, the pods that share a GPU, and each instance type with its GPU, where servers may run."""
    if stack.eks:
        for name in (name for pool in stack.eks.gpu_pools.values() for name in pool.instance_types):
            yield "eks", stack.eks.gpu_time_slices, name, AWS_INSTANCE_TYPES[name]
    if stack.aks:
        for size in (pool.vm_size for pool in stack.aks.gpu_pools.values() if not pool.azure_ml):
            yield "aks", stack.aks.gpu_time_slices, size, AZURE_VM_SIZES[size]


RULES: tuple[Callable[[StackSettings], str | None], ...] = (
    machines_are_x86,
    node_images_have_the_driver,
    base_images_fit_the_wheels,
    tensorflow_serving_uses_its_gpu,
    models_fit_the_smallest_gpu,
)
