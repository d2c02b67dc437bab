"""The rules that span blocks of a stack file; each returns what is wrong and what to do, or None."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from infra.settings import (
    cluster_rules,
    compatibility_rules,
    kserve_rules,
    store_rules,
    tensorflow_serving_rules,
    tracing_rules,
)
from infra.settings.azure_ml import AzureMlSettings, Compute
from infra.settings.budget import MOST_EMAILS
from infra.settings.image import Variant
from infra.settings.model import Bounds, Settings
from infra.settings.runtime import Runtime
from infra.settings.sagemaker_types import GPU_TYPES

if TYPE_CHECKING:
    from infra.settings.aks import AksSettings
    from infra.settings.stack import StackSettings

CLUSTERS = "eks|aks|existing"
MANAGED = "sagemaker|lambda|azureMl|containerInstances"

NEEDS: dict[str, tuple[str, ...]] = {
    "image": ("aws|azure|image.repository|local",),
    "eks": ("aws", "aws.network"),
    "aks": ("azure", "azure.network"),
    "serving": ("model", "image", CLUSTERS),
    "delivery": ("serving",),
    "sagemaker": ("aws", "model", "image"),
    "lambda": ("aws", "model", "image"),
    "azureMl": ("azure", "model", "image"),
    "containerInstances": ("azure", "azure.network", "model", "image"),
    "local": ("model",),
    "monitoring": (f"{CLUSTERS}|{MANAGED}|local",),
    "monitoring.logs": (CLUSTERS,),
    "monitoring.notifications": (CLUSTERS,),
    "monitoring.tracing": (CLUSTERS,),
    "serving.autoscaling.requestsPerSecond": ("monitoring",),
    "serving.autoscaling.queueTimeMs": ("monitoring",),
    "model.source": ("serving",),
    "model.source.mlflow": ("mlflow",),
    "training": (CLUSTERS, "training.image|image"),
    "mlflow": (CLUSTERS,),
    "backups": (CLUSTERS, "mlflow|training"),
    "budget.awsMonthlyUsd": ("aws",),
    "budget.azureMonthlyUsd": ("azure",),
    "security": (CLUSTERS,),
    "security.trivy": ("serving|training|mlflow",),
}
"""What each block stands on; of several names joined by `|` one is enough."""


def blocks_have_what_they_stand_on(stack: StackSettings) -> str | None:
    """Whatever a block needs is there."""
    for block in (block for block in NEEDS if _has(stack, block)):
        for needed in NEEDS[block]:
            names = needed.split("|")
            if not any(_has(stack, name) for name in names):
                return _absent(block, names)
    return None


def _absent(block: str, names: list[str]) -> str:
    if len(names) == 1:
        return f"{block} needs the block {names[0]}, which is absent; add it or remove {block}"
    return f"{block} needs one of the blocks {', '.join(names)}, which are all absent; add one or remove {block}"


def _has(stack: StackSettings, name: str) -> bool:
    """Whether the block, or a setting of it, is given; `name` is as in the file."""
    found: object = stack
    for part in name.split("."):
        fields = type(found).model_fields if isinstance(found, Settings) else {}
        by_alias = {field.alias: attribute for attribute, field in fields.items()}
        found = getattr(found, by_alias[part]) if part in by_alias else None
    return found is not None


def gpu_targets_have_a_gpu_image(stack: StackSettings) -> str | None:
    """ONNX Runtime for CPU finds no GPU."""
    if not stack.image or stack.image.variant is Variant.CUDA:
        return None
    for reason in _gpu_targets(stack):
        return f"image.variant must be cuda when {reason}, got {stack.image.variant}"
    return None


def _gpu_targets(stack: StackSettings) -> Iterator[str]:
    if stack.serving and stack.serving.gpus and stack.serving.runtime is not Runtime.TENSORFLOW_SERVING:
        yield "serving.gpus is above 0"
    if stack.sagemaker and not stack.sagemaker.aws_image:
        blocks = {"realTime": stack.sagemaker.real_time, "asynchronous": stack.sagemaker.asynchronous}
        for key, block in blocks.items():
            if block and block.instance_type in GPU_TYPES:
                yield f"sagemaker.{key}.instanceType has a GPU ({block.instance_type})"
    if stack.azure_ml and stack.azure_ml.compute is Compute.AKS:
        yield "azureMl.compute is aks"
    elif stack.azure_ml and stack.azure_ml.has_gpu:
        yield f"azureMl.instanceType has a GPU ({stack.azure_ml.instance_type})"


def schedules_have_hours(stack: StackSettings) -> str | None:
    """What falls outside office hours needs to know when they are."""
    if stack.office_hours:
        return None
    for key, bounds in _bounds(stack):
        if bounds.min_outside_office_hours is not None:
            return (
                f"{key}.minOutsideOfficeHours needs the block officeHours, which is absent; add it or remove "
                f"{key}.minOutsideOfficeHours"
            )
    return None


def _bounds(stack: StackSettings) -> Iterator[tuple[str, Bounds]]:
    if stack.eks:
        yield from ((f"eks.gpuPools.{name}", pool) for name, pool in stack.eks.gpu_pools.items())
    if stack.serving:
        yield "serving.replicas", stack.serving.replicas
        for name, own in (stack.serving.rollout.tracks if stack.serving.rollout else {}).items():
            if own.replicas:
                yield f"serving.rollout.tracks.{name}.replicas", own.replicas
    if stack.sagemaker and stack.sagemaker.real_time:
        yield "sagemaker.realTime.instances", stack.sagemaker.real_time.instances
    if stack.sagemaker and stack.sagemaker.asynchronous:
        yield "sagemaker.asynchronous.instances", stack.sagemaker.asynchronous.instances
    if stack.sagemaker and stack.sagemaker.serverless and stack.sagemaker.serverless.provisioned_concurrency:
        yield "sagemaker.serverless.provisionedConcurrency", stack.sagemaker.serverless.provisioned_concurrency


def endpoints_find_their_network(stack: StackSettings) -> str | None:
    """Endpoints that ask for the stack's network have one."""
    if stack.sagemaker and stack.sagemaker.in_network and stack.aws and not stack.aws.network:
        return "sagemaker.*.inNetwork needs the block aws.network, which is absent; add it or set inNetwork to false"
    return None


def azure_ml_finds_its_cluster(stack: StackSettings) -> str | None:
    """Servers of Azure ML on AKS have a cluster that Azure ML can administer, and a GPU each."""
    if not stack.azure_ml or stack.azure_ml.compute is not Compute.AKS:
        return None
    if not stack.aks:
        return "azureMl needs the block aks where azureMl.compute is aks, which is absent; add it, or set managed"
    if not stack.aks.local_accounts:
        return (
            "aks.localAccounts must be true where azureMl.compute is aks, got false: Azure ML supports no cluster "
            "without them; set it, or azureMl.compute to managed"
        )
    return _azure_ml_fits_its_pools(stack.azure_ml, stack.aks)


def _azure_ml_fits_its_pools(azure_ml: AzureMlSettings, aks: AksSettings) -> str | None:
    most, gpus = azure_ml.instances.max, azure_ml.resources.gpus
    held = aks.azure_ml_pods(gpus)
    if most * len(azure_ml.deployments) <= held:
        return None
    return (
        f"azureMl.instances.max must fit the aks.gpuPools with azureMl: true, which hold {held} servers with {gpus} "
        f"GPUs each, got {most} for each of {len(azure_ml.deployments)} deployments; lower it, or raise a pool's max"
    )


def pools_of_azure_ml_are_used(stack: StackSettings) -> str | None:
    """No GPU node stands where nothing may run."""
    if not stack.aks or (stack.azure_ml and stack.azure_ml.compute is Compute.AKS):
        return None
    for name, pool in stack.aks.gpu_pools.items():
        if pool.azure_ml:
            return f"aks.gpuPools.{name}.azureMl needs azureMl.compute to be aks, else nothing runs there; remove it"
    return None


def sources_are_for_clusters(stack: StackSettings) -> str | None:
    """Targets that serve the image's models are in no stack whose clusters serve others."""
    if not (stack.model and stack.model.source):
        return None
    for block in (*MANAGED.split("|"), "local"):
        if _has(stack, block):
            return (
                f"model.source must be absent where {block} is, which serves the image's models: two targets must not "
                f"serve different ones; remove it or {block}, or give it a stack of its own"
            )
    return None


def budgets_tell_somebody(stack: StackSettings) -> str | None:
    """An alarm that nobody hears is none, and AWS sends one to ten addresses at most."""
    if not stack.budget or 1 <= len(stack.budget_emails) <= MOST_EMAILS:
        return None
    return (
        f"budget.emails must name 1 to {MOST_EMAILS} addresses, as must monitoring.alarmEmails where it names none, "
        f"got {len(stack.budget_emails)}; change it"
    )


RULES: tuple[Callable[[StackSettings], str | None], ...] = (
    blocks_have_what_they_stand_on,
    gpu_targets_have_a_gpu_image,
    schedules_have_hours,
    endpoints_find_their_network,
    azure_ml_finds_its_cluster,
    pools_of_azure_ml_are_used,
    sources_are_for_clusters,
    budgets_tell_somebody,
    *cluster_rules.RULES,
    *store_rules.RULES,
    *kserve_rules.RULES,
    *tensorflow_serving_rules.RULES,
    *tracing_rules.RULES,
    *compatibility_rules.RULES,
)
