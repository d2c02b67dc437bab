"""The rules for `serving.runtime: kserve` that span blocks; each returns what is wrong, or None."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from infra.settings.kserve import DeploymentMode, KServeSettings
from infra.settings.runtime import Runtime
from infra.settings.secrets import SECRET_VARIABLES
from infra.settings.serving import Exposure
from infra.settings.unfit import Unfit, must_be_absent

if TYPE_CHECKING:
    from infra.settings.served import ModelSettings
    from infra.settings.serving import ServingSettings
    from infra.settings.stack import StackSettings


def block_goes_with_its_runtime(stack: StackSettings) -> str | None:
    """The block is there where something reads it."""
    serving = stack.serving
    if serving is None or serving.kserve is None or serving.runtime is Runtime.KSERVE:
        return None
    return (
        f"serving.kserve must be absent where serving.runtime is {serving.runtime}; remove it, or set serving.runtime "
        "to kserve"
    )


def settings_have_an_effect(stack: StackSettings) -> str | None:
    """Nothing is set that KServe would leave out without a word."""
    if not (stack.model and stack.serving and stack.serving.runtime is Runtime.KSERVE):
        return None
    kserve = stack.serving.kserve or KServeSettings()
    return (
        must_be_absent("where serving.runtime is kserve", _never(stack.serving))
        or (_broken_in_knative(stack.serving) if kserve.deployment_mode is DeploymentMode.KNATIVE else None)
        or (_broken_built_in(stack.model, stack.serving) if kserve.built_in_runtime else None)
    )


def built_in_runtimes_have_a_store(stack: StackSettings) -> str | None:
    """KServe pulls the models for a built-in runtime, from an object store."""
    kserve = stack.serving.kserve if stack.serving else None
    if not (kserve and kserve.built_in_runtime and stack.model) or (stack.model.source and stack.model.source.url):
        return None
    return (
        f"model.source.url must be given where serving.kserve.builtInRuntime is {kserve.built_in_runtime}: KServe "
        "pulls the models for it; add it, or remove builtInRuntime"
    )


def _never(serving: ServingSettings) -> Unfit:
    tracks = serving.rollout and ", ".join(serving.rollout.tracks)
    yield "serving.rollout", tracks, "it has no tracks; serving.kserve.canaryTrafficPercent is its way"
    yield "serving.cache", serving.cache and "a block", "the stack's own pods alone are let out to it"
    yield "serving.asynchronous", serving.asynchronous and "a block", "the stack's own servers alone take jobs"


def _broken_in_knative(serving: ServingSettings) -> str | None:
    return must_be_absent("where serving.kserve.deploymentMode is Knative", _not_in_knative(serving))


def _not_in_knative(serving: ServingSettings) -> Unfit:
    autoscaling, rate = serving.autoscaling, serving.autoscaling.requests_per_second
    exposed = serving.exposure if serving.exposure is not Exposure.CLUSTER else None
    quiet = autoscaling.scale_down_seconds if "scale_down_seconds" in autoscaling.model_fields_set else None
    yield "serving.exposure", exposed, "Knative's ingress has the URL"
    yield "serving.gateway", serving.gateway and "a block", "Knative's ingress has the URL"
    yield "serving.grpc", serving.grpc, "it gives a service one port"
    yield "serving.autoscaling.queueTimeMs", autoscaling.queue_time_ms, "its autoscaler counts requests or CPU"
    yield (
        "serving.autoscaling.memoryUtilisation",
        autoscaling.memory_utilisation,
        "it follows one metric",
    )
    yield (
        "serving.autoscaling.scaleDownSeconds",
        None if rate else quiet,
        "only its count of requests, serving.autoscaling.requestsPerSecond, waits before replicas go",
    )
    outside = serving.replicas.min_outside_office_hours
    yield (
        "serving.replicas.minOutsideOfficeHours",
        None if outside is None else str(outside),
        "its autoscaler knows no time of day",
    )


def _broken_built_in(model: ModelSettings, serving: ServingSettings) -> str | None:
    return must_be_absent("where serving.kserve.builtInRuntime is given", _not_built_in(model, serving))


def _not_built_in(model: ModelSettings, serving: ServingSettings) -> Unfit:
    yield "serving.cudaGraphs", serving.cuda_graphs, "the stack's image alone has them"
    yield "serving.gpuMemoryLimitMib", serving.gpu_memory_limit_mib, "the stack's image alone knows it"
    if model.source:
        yield "model.source.sha256", model.source.sha256, "KServe's pull checks no sums"
        yield "model.source.endpoint", model.source.endpoint, "KServe's pull knows its own stores only"
    keys = [name for name in serving.secrets if name not in SECRET_VARIABLES]
    yield "serving.secrets", ", ".join(keys), "KServe's pull takes no keys from there"


RULES: tuple[Callable[[StackSettings], str | None], ...] = (
    block_goes_with_its_runtime,
    settings_have_an_effect,
    built_in_runtimes_have_a_store,
)
