"""One ONNX model in memory, proven before it answers: file, provider, tensors and golden output."""

import statistics
import time
from typing import Any

from inference_app import device_buffers, golden
from inference_app.contract import ExecutionProvider
from inference_app.device_buffers import BoundRunner, OneThread, Run
from inference_app.errors import ModelUnusable
from inference_app.repository import ModelVersion, check_digest
from inference_app.sessions import session
from inference_app.settings import Settings
from inference_app.tensors import Arrays, Datatype, TensorSpec

ELEMENT_TYPES = {
    "tensor(bool)": Datatype.BOOL,
    "tensor(uint8)": Datatype.UINT8,
    "tensor(uint16)": Datatype.UINT16,
    "tensor(uint32)": Datatype.UINT32,
    "tensor(uint64)": Datatype.UINT64,
    "tensor(int8)": Datatype.INT8,
    "tensor(int16)": Datatype.INT16,
    "tensor(int32)": Datatype.INT32,
    "tensor(int64)": Datatype.INT64,
    "tensor(float16)": Datatype.FP16,
    "tensor(float)": Datatype.FP32,
    "tensor(double)": Datatype.FP64,
    "tensor(string)": Datatype.BYTES,
}
"""ONNX Runtime's names of the datatypes (`Datatype` says why tensor(bfloat16) is none)."""

ENOUGH_SECONDS = 0.005
"""A call this long is timed well enough by one measurement."""


class Model:
    """A proven ONNX model; `run` may be called from any thread."""

    def __init__(self, version: ModelVersion, settings: Settings) -> None:
        """Load the file; raises `ModelUnusable` where file, provider or tensors are not as declared."""
        check_digest(version)
        self.metadata = version.metadata
        self.provider = settings.execution_provider
        self.full_batch_seconds = 0.0
        self.run = _runner(version, settings)
        """Outputs for inputs of `metadata.inputs`' names, types and shapes; the batch axis comes first in both."""
        self.golden = golden.read(version)

    def warm_up(self, max_batch_size: int) -> None:
        """Run batches up to `max_batch_size`, so that no request pays for a first time, and time the largest.

        Raises `ModelUnusable` when a batch fails or one of n does not come back as n outputs.
        """
        every = self.provider is not ExecutionProvider.CPU  # a GPU prepares for each size, the CPU for none
        for size in batch_sizes(max_batch_size) if every else sorted({1, max_batch_size}):
            self._try(size)
        self.full_batch_seconds = self.call_seconds(max_batch_size)

    def call_seconds(self, size: int) -> float:
        """How long a call with `size` examples takes: the median of nine, or one where that is long enough."""
        batch = self.golden.example(size)
        first = self._time(batch)
        return first if first > ENOUGH_SECONDS else statistics.median(self._time(batch) for _ in range(9))

    def prove(self) -> None:
        """Raise `ModelUnusable` unless the golden inference comes out right."""
        self.golden.check(self.run(self.golden.inputs))

    def _try(self, size: int) -> None:
        try:
            outputs = self.run(self.golden.example(size))
        except Exception as error:
            raise ModelUnusable(f"the model fails on a batch of {size}: {error}") from error
        for name, array in outputs.items():
            if array.shape[:1] != (size,):
                raise ModelUnusable(f"output {name} of a batch of {size} has shape {list(array.shape)}")

    def _time(self, inputs: Arrays) -> float:
        start = time.perf_counter()
        self.run(inputs)
        return time.perf_counter() - start


def load(version: ModelVersion, settings: Settings) -> Model:
    """A model that has proven itself: loaded, warmed up, and within tolerance of its golden output.

    Raises `ModelUnusable` with the reason otherwise.
    """
    model = Model(version, settings)
    model.warm_up(settings.max_batch_size)
    model.prove()
    return model


def batch_sizes(maximum: int) -> list[int]:
    """Powers of two below `maximum`, and `maximum`."""
    return [*(1 << power for power in range((maximum - 1).bit_length())), maximum]


def _check_tensors(kind: str, declared: tuple[TensorSpec, ...], actual: list[Any]) -> None:
    wanted, names = sorted(spec.name for spec in declared), sorted(tensor.name for tensor in actual)
    if wanted != names:
        raise ModelUnusable(f"metadata declares {kind} {', '.join(wanted)}; the model has {', '.join(names)}")
    tensors = {tensor.name: tensor for tensor in actual}
    for spec in declared:
        _check_tensor(spec, tensors[spec.name])


def _check_tensor(spec: TensorSpec, tensor: Any) -> None:
    datatype = ELEMENT_TYPES.get(tensor.type, tensor.type)
    if datatype != spec.datatype:
        raise ModelUnusable(f"metadata declares {spec.name} as {spec.datatype}; in the model it is {datatype}")
    fixed = [size if isinstance(size, int) else -1 for size in tensor.shape]
    agree = len(fixed) == len(spec.shape) and all(
        -1 in (wanted, size) or wanted == size for wanted, size in zip(spec.shape, fixed, strict=True)
    )
    if not agree:
        raise ModelUnusable(f"metadata declares {spec.name} with shape {list(spec.shape)}; in the model it is {fixed}")


def _runner(version: ModelVersion, settings: Settings) -> Run:
    if settings.predictor_url is not None:
        from inference_app.transformer.predictor import Predictor  # few servers have one

        return Predictor(version.metadata, settings).run
    inputs, outputs = version.metadata.inputs, version.metadata.outputs
    made = session(version.model_path, settings)
    _check_tensors("inputs", inputs, made.get_inputs())
    _check_tensors("outputs", outputs, made.get_outputs())
    if settings.execution_provider is ExecutionProvider.CPU:
        return _plain(made, outputs)
    if not device_buffers.has_fixed_shapes(inputs + outputs):
        if settings.cuda_graphs:
            raise ModelUnusable("CUDA_GRAPHS needs a model in whose tensors only the batch varies, and none of BYTES")
        return _plain(made, outputs)
    bound = BoundRunner(made, inputs, outputs, "cuda", settings.gpu_device_id).run
    if not settings.cuda_graphs:
        return bound
    return device_buffers.padded(OneThread(bound).run, batch_sizes(settings.max_batch_size))


def _plain(made: Any, outputs: tuple[TensorSpec, ...]) -> Run:
    names = [spec.name for spec in outputs]
    # The wrapper around the session's own `run` checks the inputs a second time, which costs 3 of the 10 microseconds
    # that a call of a small model takes.
    run = getattr(made, "_sess", made).run
    return lambda inputs: dict(zip(names, run(names, inputs, None), strict=True))
