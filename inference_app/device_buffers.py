"""A model whose inputs and outputs stay in fixed places of the GPU's memory, so that a call allocates nothing there
and, where asked for, is replayed as one CUDA graph."""

import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import numpy as np

from inference_app import tensors
from inference_app.sessions import ort
from inference_app.tensors import Array, Arrays, TensorSpec

Specs = tuple[TensorSpec, ...]
Run = Callable[[Arrays], Arrays]


def has_fixed_shapes(specs: Specs) -> bool:
    """Whether only the batch axis varies and every element has a fixed size, so that a buffer can hold it."""
    return all(-1 not in spec.shape[1:] and spec.datatype.dtype.kind != "O" for spec in specs)


class BoundRunner:
    """Runs a session through buffers on a device: one set per thread and batch size, made when first needed."""

    def __init__(self, session: Any, inputs: Specs, outputs: Specs, device: str, device_id: int) -> None:
        self._make = partial(_Buffers, session, inputs, outputs, (device, device_id))
        self._own = threading.local()

    def run(self, inputs: Arrays) -> Arrays:
        """The outputs for inputs whose shapes `has_fixed_shapes`; any thread may call it."""
        return self._buffers(tensors.rows(inputs)).run(inputs)

    def _buffers(self, size: int) -> "_Buffers":
        sets: dict[int, _Buffers] = self._own.__dict__.setdefault("sets", {})
        if size not in sets:
            sets[size] = self._make(size)
        return sets[size]


class _Buffers:
    """Inputs and outputs of one batch size, bound to a session."""

    def __init__(self, session: Any, inputs: Specs, outputs: Specs, device: tuple[str, int], size: int) -> None:
        self._session = session
        self._binding = session.io_binding()
        self._inputs = {spec.name: _value(spec, size, device) for spec in inputs}
        self._outputs = {spec.name: _value(spec, size, device) for spec in outputs}
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)
        self._options = ort.RunOptions()
        # One captured graph per set of buffers; without CUDA graphs ONNX Runtime ignores the number.
        self._options.add_run_config_entry("gpu_graph_id", str(size))

    def run(self, inputs: Arrays) -> Arrays:
        for name, value in self._inputs.items():
            value.update_inplace(inputs[name])
        self._session.run_with_iobinding(self._binding, self._options)
        return {name: value.numpy() for name, value in self._outputs.items()}


def _value(spec: TensorSpec, size: int, device: tuple[str, int]) -> Any:
    return ort.OrtValue.ortvalue_from_shape_and_type([size, *spec.shape[1:]], spec.datatype.dtype.type, *device)


def padded(run: Run, sizes: list[int]) -> Run:
    """`run` for batches of the given sizes only: others are filled up with copies of their last example.

    `sizes` ascend; a batch larger than all of them runs as it is.
    """

    def run_padded(inputs: Arrays) -> Arrays:
        rows = tensors.rows(inputs)
        size = next((size for size in sizes if size >= rows), rows)
        if size == rows:
            return run(inputs)
        outputs = run({name: _fill(array, size) for name, array in inputs.items()})
        return tensors.take(outputs, 0, rows)

    return run_padded


def _fill(array: Array, size: int) -> Array:
    return np.concatenate([array, np.repeat(array[-1:], size - len(array), axis=0)])


class OneThread:
    """Makes all calls of a function on one thread of its own, one after the other.

    ONNX Runtime keeps a captured CUDA graph with the thread that captured it, and must not replay it concurrently
    (https://docs.nvidia.com/cuda/cuda-runtime-api/graphs-thread-safety.html).
    """

    def __init__(self, run: Run) -> None:
        self._calls: queue.SimpleQueue[tuple[Arrays, Future[Arrays]] | None] = queue.SimpleQueue()
        # A daemon, so that a call that never returns cannot keep a stopping process alive.
        threading.Thread(target=_work, args=(run, self._calls), name="cuda-graphs", daemon=True).start()
        weakref.finalize(self, self._calls.put, None)

    def run(self, inputs: Arrays) -> Arrays:
        """What the function returns or raises; any thread may call it, and waits."""
        future: Future[Arrays] = Future()
        self._calls.put((inputs, future))
        return future.result()


def _work(run: Run, calls: "queue.SimpleQueue[tuple[Arrays, Future[Arrays]] | None]") -> None:
    while (call := calls.get()) is not None:
        inputs, future = call
        try:
            future.set_result(run(inputs))
        except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for it
            future.set_exception(error)
