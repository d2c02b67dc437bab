"""The rules for `serving.runtime: tensorflow-serving` that span blocks; each returns what is wrong, or None."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from infra.settings.runtime import Runtime
from infra.settings.secrets import SECRET_VARIABLES
from infra.settings.unfit import must_be_absent

if TYPE_CHECKING:
    from infra.settings.served import ModelSettings
    from infra.settings.serving import ServingSettings
    from infra.settings.stack import StackSettings
    from infra.settings.unfit import Unfit

WHERE = "where serving.runtime is tensorflow-serving"


def block_goes_with_its_runtime(stack: StackSettings) -> str | None:
    """The block is there exactly where something reads it."""
    serving = stack.serving
    if serving is None or _is_chosen(serving) == (serving.tensor_flow_serving is not None):
        return None
    if _is_chosen(serving):
        return f"serving.tensorFlowServing must be given {WHERE}; add it with an image by digest"
    return (
        f"serving.tensorFlowServing must be absent where serving.runtime is {serving.runtime}; remove it, or set "
        "serving.runtime to tensorflow-serving"
    )


def settings_have_an_effect(stack: StackSettings) -> str | None:
    """Nothing is set that TensorFlow Serving has no counterpart of."""
    if not (stack.model and stack.serving and _is_chosen(stack.serving)):
        return None
    return must_be_absent(WHERE, _not_in_server(stack.serving)) or must_be_absent(
        WHERE, _not_read(stack.model, stack.serving)
    )


def _not_in_server(serving: ServingSettings) -> Unfit:
    yield "serving.grpc", serving.grpc, "it always serves gRPC"
    yield "serving.workers", serving.workers if serving.workers > 1 else None, "its one process uses all cores"
    yield "serving.cudaGraphs", serving.cuda_graphs, "it has none"
    yield "serving.gpuMemoryLimitMib", serving.gpu_memory_limit_mib, "the stack gives it its share of a GPU's memory"
    yield "serving.cache", serving.cache and "a block", "it keeps no answers"
    yield "serving.asynchronous", serving.asynchronous and "a block", "it takes no jobs"
    yield "serving.rollout", serving.rollout and ", ".join(serving.rollout.tracks), "it has no tracks"
    tracing = serving.tracing and (serving.tracing.endpoint or "a block")
    yield "serving.tracing", tracing, "it sends no traces"
    yield "serving.autoscaling.queueTimeMs", serving.autoscaling.queue_time_ms, "it measures no wait"


def _not_read(model: ModelSettings, serving: ServingSettings) -> Unfit:
    tokens = [name for name in serving.secrets if name in SECRET_VARIABLES]
    pulled = model.source and model.source.url
    yield "model.maxBodyMib", model.max_body_mib, "it takes bodies of any size"
    yield "serving.secrets", ", ".join(tokens), "it asks nobody for a token; serving.gateway can"
    yield (
        "serving.secrets",
        None if pulled else ", ".join(serving.secrets),
        "only the pull of a model.source.url reads any",
    )


def models_are_found(stack: StackSettings) -> str | None:
    """The versions that it loads are those that the settings mean: it knows no `active.json`, only the highest."""
    if not (stack.model and stack.serving and stack.serving.tensor_flow_serving and _is_chosen(stack.serving)):
        return None
    model, path = stack.model, stack.serving.tensor_flow_serving.model_path
    if model.source is None:
        return f"model.source must be given {WHERE}: the image's models are ONNX; add one that holds SavedModels"
    if model.source.mlflow:
        return f"model.source.mlflow must be absent {WHERE}: what is registered is ONNX; name another source"
    if model.source.url:
        return path and (
            f"serving.tensorFlowServing.modelPath must be absent where model.source.url is given, got {path}; put it "
            "into the URL"
        )
    if model.version is None:
        return (
            f"model.version must be given {WHERE} and model.source has no url: it would load the highest version, "
            "active or not; add it"
        )
    if model.extra:
        return (
            f"model.extra must be absent {WHERE} and model.source has no url, got {', '.join(model.extra)}: it would "
            "load their highest versions, active or not; remove it"
        )
    return None


def batches_have_a_size(stack: StackSettings) -> str | None:
    """Requests are batched where `model.batching.maxSize` says so, and then within the other bounds."""
    if not (stack.model and stack.serving and stack.serving.tensor_flow_serving and _is_chosen(stack.serving)):
        return None
    batching, own = stack.model.batching, stack.serving.tensor_flow_serving
    if batching.max_size is None:
        return _needs_a_size(stack.model, stack.serving)
    if batching.max_queue and batching.max_queue < batching.max_size:
        return (
            f"model.batching.maxQueue must be at least maxSize, {batching.max_size}, {WHERE}, which counts batches, "
            f"got {batching.max_queue}; raise it"
        )
    sizes = own.allowed_batch_sizes
    if sizes and sizes[-1] != batching.max_size:
        return (
            "serving.tensorFlowServing.allowedBatchSizes must end with model.batching.maxSize, "
            f"{batching.max_size}, got {sizes[-1]}; add it or change maxSize"
        )
    return None


def _needs_a_size(model: ModelSettings, serving: ServingSettings) -> str | None:
    own = serving.tensor_flow_serving
    given = {
        "model.batching.maxDelayMs": model.batching.max_delay_ms is not None,
        "model.batching.maxQueue": model.batching.max_queue is not None,
        "serving.tensorFlowServing.batchThreads": own is not None and own.batch_threads is not None,
        "serving.tensorFlowServing.allowedBatchSizes": own is not None and bool(own.allowed_batch_sizes),
    }
    for key in (key for key, is_given in given.items() if is_given):
        return f"{key} needs model.batching.maxSize {WHERE}, which batches only with it; add it or remove {key}"
    return None


def _is_chosen(serving: ServingSettings) -> bool:
    return serving.runtime is Runtime.TENSORFLOW_SERVING


RULES: tuple[Callable[[StackSettings], str | None], ...] = (
    block_goes_with_its_runtime,
    settings_have_an_effect,
    models_are_found,
    batches_have_a_size,
)
