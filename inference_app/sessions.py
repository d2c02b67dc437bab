"""ONNX Runtime sessions that run where they were asked to, and what their errors mean."""

import importlib
import logging
import os
import re
from pathlib import Path
from typing import Any

from inference_app.contract import ExecutionProvider
from inference_app.errors import ModelUnusable
from inference_app.settings import Settings

logger = logging.getLogger(__name__)

# Since 1.29 ONNX Runtime on Linux reports sessions, hashes of the model among them, to Microsoft unless this is set
# before it loads (https://github.com/microsoft/onnxruntime/pull/27379).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# onnxruntime ships no type information, so its objects are untyped here and in the modules that take them from here.
ort: Any = importlib.import_module("onnxruntime")

MIB = 1024 * 1024

POISONS = frozenset({214, 700, 702, 710, 714, 715, 716, 717, 718, 719})
"""CUDA errors after which every later call of the process fails too: "the process must be terminated and relaunched"
(https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html)."""

_CUDA_FAILURE = re.compile(r"CUDA (?:failure|error) (\d+)")


def session(path: Path, settings: Settings) -> Any:
    """An `onnxruntime.InferenceSession` on `settings.execution_provider`.

    Several threads may run it at once, unless `settings.cuda_graphs` is set: then only `device_buffers` may run it.
    Raises `ModelUnusable` where the file does not load or would run anywhere else.
    """
    provider = settings.execution_provider
    if provider is ExecutionProvider.CUDA and hasattr(ort, "preload_dlls"):
        ort.preload_dlls(directory="")  # CUDA and cuDNN come as wheels, outside the loader's search path
    available = ort.get_available_providers()
    if provider not in available:
        raise ModelUnusable(f"{provider} was asked for, this onnxruntime offers {', '.join(available)}")
    providers = [(provider.value, provider_options(settings))]
    try:
        # Without `enable_fallback` a failing provider is replaced by the CPU, now or in the middle of serving.
        made = ort.InferenceSession(path, _options(settings), providers=providers, enable_fallback=0)
    except Exception as error:
        logger.exception("the model does not load")
        raise ModelUnusable(f"{path} does not load on {provider}: {error}") from error
    # Nodes go to the CPU with no more than a warning when CUDA does not initialise.
    actual = made.get_providers()[0]
    if actual != provider:
        raise ModelUnusable(f"{provider} was asked for, the model runs on {actual}")
    return made


def provider_options(settings: Settings) -> dict[str, str]:
    """ONNX Runtime's options for the provider, by the names in its documentation.

    https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#configuration-options
    """
    if settings.execution_provider is ExecutionProvider.CPU:
        return {}
    options = {
        "device_id": str(settings.gpu_device_id),
        "cudnn_conv_algo_search": "HEURISTIC",  # the default benchmarks every new batch size, seconds each
    }
    if settings.gpu_memory_limit_mb:
        options["gpu_mem_limit"] = str(settings.gpu_memory_limit_mb * MIB)
        options["arena_extend_strategy"] = "kSameAsRequested"  # doubling would meet the limit at half of it
    if settings.cuda_graphs:
        options["enable_cuda_graph"] = "1"
    return options


def poisons_device(error: Exception) -> bool:
    """Whether after this error only a new process can use the GPU again."""
    found = _CUDA_FAILURE.search(str(error))
    return found is not None and int(found[1]) in POISONS


def _options(settings: Settings) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = settings.intra_op_threads
    # Idle worker threads must leave the cores to the event loop and to other calls.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
