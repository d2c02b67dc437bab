"""What an answer is kept under: everything that it follows from."""

from hashlib import sha256

import numpy as np

from inference_app.contract import ExecutionProvider
from inference_app.protocols import binary_tensors
from inference_app.repository import Metadata
from inference_app.tensors import Array, Arrays

FORMAT = 1
"""Of keys and values; servers of different formats do not read each other's."""


class Keys:
    """Makes the keys of one model version.

    Another model file of the same version has others, and so has another detector or execution provider: what it lets
    pass, and its last digits, are its own.
    """

    def __init__(self, metadata: Metadata, provider: ExecutionProvider) -> None:
        parts = (metadata.sha256, metadata.detector and metadata.detector.model_dump_json(), provider.value)
        made_by = sha256(repr(parts).encode()).hexdigest()[:16]
        self._prefix = f"inference:{FORMAT}:{metadata.name}:{metadata.version}:{made_by}:".encode()
        self._names = sorted(spec.name for spec in metadata.inputs)

    def of(self, inputs: Arrays) -> bytes:
        """The key for checked inputs; any thread may ask."""
        # Processors have instructions for SHA-256: it takes less than half of BLAKE2's time.
        digest = sha256()
        for name in self._names:
            array = inputs[name]
            digest.update(repr((name, array.dtype.str, array.shape)).encode())
            digest.update(_content(array))
        return self._prefix + digest.hexdigest().encode()


def _content(array: Array) -> memoryview | bytes:
    return binary_tensors.encode(array) if array.dtype.kind == "O" else np.ascontiguousarray(array).data
