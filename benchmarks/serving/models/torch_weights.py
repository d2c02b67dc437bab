"""Reads weights that PyTorch saved before 1.6, without PyTorch: pickled records, then the raw numbers of each storage.

The order of records is that of `torch.serialization._legacy_save`:
https://github.com/pytorch/pytorch/blob/v2.0.0/torch/serialization.py
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

RECORDS_BEFORE_WEIGHTS = 3
"""Magic number, protocol version and the writer's byte order."""


def load(path: Path) -> dict[str, NDArray[Any]]:
    """Weights by name; raises `pickle.UnpicklingError` for a file that names anything but tensors."""
    with path.open("rb") as file:
        for _ in range(RECORDS_BEFORE_WEIGHTS):
            _Unpickler(file).load()
        reader = _Unpickler(file)
        weights = reader.load()
        for key in _Unpickler(file).load():
            storage = reader.storages[key]
            file.seek(8, 1)  # the storage's length, known from the tensors
            storage[:] = np.frombuffer(file.read(storage.nbytes), storage.dtype)
    return dict(weights)


class _Unpickler(pickle.Unpickler):
    """Knows tensors, their storages and ordered dictionaries, so that a file can do nothing else."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, NDArray[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        known: dict[str, Any] = {
            "collections.OrderedDict": OrderedDict,
            "torch._utils._rebuild_tensor_v2": _tensor,
            "torch.FloatStorage": np.float32,
            "torch.LongStorage": np.int64,
        }
        if f"{module}.{name}" not in known:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")
        return known[f"{module}.{name}"]

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        _, dtype, key, _, count, *_ = pid
        return self.storages.setdefault(key, np.empty(count, dtype))


def _tensor(
    storage: NDArray[Any], offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> NDArray[Any]:
    strides = [step * storage.itemsize for step in stride]
    return as_strided(storage[offset:], shape, strides)
