"""One ONNX model in memory, proven before it answers: file, provider, shapes and golden output."""

import hashlib
import importlib
import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np

from inference_app import tensors
from inference_app.contract import ExecutionProvider
from inference_app.errors import BadRequest, ModelUnusable
from inference_app.repository import ModelVersion
from inference_app.tensors import Arrays, TensorSpec

logger = logging.getLogger(__name__)

# Since 1.29 ONNX Runtime on Linux reports sessions, hashes of the model among them, to Microsoft unless this is set
# before it loads (https://github.com/microsoft/onnxruntime/pull/27379).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# onnxruntime ships no type information, so its objects are untyped here and nowhere else.
ort: Any = importlib.import_module("onnxruntime")


class Model:
    """An ONNX Runtime session that runs where it was asked to; `run` may be called from any thread."""

    def __init__(self, version: ModelVersion, provider: ExecutionProvider, intra_op_threads: int = 0) -> None:
        """Load the model; raises `ModelUnusable` where file, provider or tensors are not as declared."""
        _check_digest(version)
        self.metadata = version.metadata
        self.provider = provider
        self._session = _session(version.model_path, provider, intra_op_threads)
        self._output_names = [spec.name for spec in version.metadata.outputs]
        _check_tensors("inputs", version.metadata.inputs, self._session.get_inputs())
        _check_tensors("outputs", version.metadata.outputs, self._session.get_outputs())

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs for inputs of `metadata.inputs`' names, types and shapes; the batch axis comes first in both."""
        return dict(zip(self._output_names, self._session.run(self._output_names, inputs), strict=True))

    def warm_up(self, example: Arrays, max_batch_size: int) -> None:
        """Run `example` in batches of 1, 2, 4 ... `max_batch_size`, so that no request pays for a first time.

        Raises `ModelUnusable` when a batch of n does not come back as n outputs.
        """
        for size in batch_sizes(max_batch_size):
            outputs = self.run({name: np.repeat(array[:1], size, axis=0) for name, array in example.items()})
            wrong = [name for name, array in outputs.items() if array.shape[:1] != (size,)]
            if wrong:
                raise ModelUnusable(f"output {wrong[0]} of a batch of {size} has shape {list(outputs[wrong[0]].shape)}")


def batch_sizes(maximum: int) -> list[int]:
    """Powers of two below `maximum`, and `maximum`."""
    return [*(1 << power for power in range((maximum - 1).bit_length())), maximum]


def load(version: ModelVersion, provider: ExecutionProvider, intra_op_threads: int, max_batch_size: int) -> Model:
    """A model that has proven itself: loaded, warmed up, and within tolerance of its golden output.

    Raises `ModelUnusable` with the reason otherwise.
    """
    model = Model(version, provider, intra_op_threads)
    inputs, expected = _golden(version)
    model.warm_up(inputs, max_batch_size)
    _compare(model.run(inputs), expected, version.metadata.golden.tolerance)
    return model


def _check_digest(version: ModelVersion) -> None:
    with version.model_path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != version.metadata.sha256:
        raise ModelUnusable(f"{version.model_path} has SHA-256 {digest}, its metadata says {version.metadata.sha256}")


def _session(path: Path, provider: ExecutionProvider, intra_op_threads: int) -> Any:
    if provider is ExecutionProvider.CUDA and hasattr(ort, "preload_dlls"):
        ort.preload_dlls(directory="")  # CUDA and cuDNN come as wheels, outside the loader's search path
    available = ort.get_available_providers()
    if provider not in available:
        raise ModelUnusable(f"{provider} was asked for, this onnxruntime offers {', '.join(available)}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    # Idle worker threads must leave the cores to the event loop.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(path, options, providers=[_with_options(provider)])
    except Exception as error:
        logger.exception("the model does not load")
        raise ModelUnusable(f"{path} does not load on {provider}: {error}") from error
    # ONNX Runtime falls back to the CPU with no more than a warning when CUDA does not initialise.
    actual = session.get_providers()[0]
    if actual != provider:
        raise ModelUnusable(f"{provider} was asked for, the model runs on {actual}")
    return session


def _with_options(provider: ExecutionProvider) -> tuple[str, dict[str, str]]:
    if provider is ExecutionProvider.CPU:
        return provider.value, {}
    # The default search benchmarks every new batch size, seconds each
    # (https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#cudnn_conv_algo_search).
    return provider.value, {"cudnn_conv_algo_search": "HEURISTIC"}


def _check_tensors(kind: str, declared: tuple[TensorSpec, ...], actual: list[Any]) -> None:
    wanted, names = sorted(spec.name for spec in declared), sorted(tensor.name for tensor in actual)
    if wanted != names:
        raise ModelUnusable(f"metadata declares {kind} {', '.join(wanted)}; the model has {', '.join(names)}")


def _golden(version: ModelVersion) -> tuple[Arrays, Arrays]:
    path = version.directory / version.metadata.golden.file
    try:
        golden = json.loads(path.read_bytes())
        inputs = _arrays(golden["inputs"], version.metadata.inputs)
        return inputs, _arrays(golden["outputs"], version.metadata.outputs)
    except (OSError, ValueError, KeyError, TypeError, BadRequest) as error:
        raise ModelUnusable(f"{path} is no golden input and output of this model: {error}") from error


def _arrays(values: dict[str, object], specs: tuple[TensorSpec, ...]) -> Arrays:
    arrays = {spec.name: tensors.from_json(values[spec.name], spec) for spec in specs}
    tensors.check(arrays, specs)
    return arrays


def _compare(outputs: Arrays, expected: Arrays, tolerance: float) -> None:
    for name, array in expected.items():
        if outputs[name].shape != array.shape:
            raise ModelUnusable(f"golden output {name} has shape {array.shape}, the model gave {outputs[name].shape}")
        difference = float(np.abs(outputs[name].astype(np.float64) - array.astype(np.float64)).max())
        if not difference <= tolerance:
            raise ModelUnusable(f"golden output {name} differs by {difference:.2g}, more than {tolerance:g}")
