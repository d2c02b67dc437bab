"""The short way from JSON numbers to an array; whatever is unusual about them takes the long one."""

import struct
from typing import Any

import numpy as np

from inference_app.preprocessing.features import Features
from inference_app.tensors import Array, TensorSpec

NUMBERS = b"0123456789+-.eE[], \t\r\n"
NOTHING_ELSE = frozenset({b"", b'{"inputs":}'})
"""What a valid JSON document of lists of numbers, which may be `{"inputs": ...}`, holds beside them."""

MODEST_SQUARE = 1e300
"""Of numbers that no declared scale takes out of FP64."""


class Packer:
    """Packs lists that hold nothing but numbers for one floating-point input, four times as fast as `tensors` does.

    Where they do not fit it gives None and leaves it to others to find the reason.
    """

    def __init__(self, spec: TensorSpec, features: Features | None) -> None:
        self._dtype, self._tail = spec.dtype, spec.shape[1:]
        self._one = (1, *self._tail)
        self._features = None if features is None or features.is_identity else features
        largest = float(np.finfo(self._dtype).max)
        self._largest_square = largest**2 if largest < MODEST_SQUARE else np.inf
        # One vector, a table model's most frequent request, needs none of NumPy's slower ways to make an array.
        is_vector = self._features is None and len(self._tail) == 1 and self._tail[0] > 0
        self._vector = struct.Struct(f"={self._tail[0]}{spec.struct_code}").pack if is_vector else None

    def pack(self, value: Any) -> Array | None:
        """The array of one example or several; `value` must be a number or lists of numbers, of whatever lengths."""
        if self._vector is None:
            return self._pack_any(value)
        try:
            row = value[0] if len(value) == 1 else value
            return np.ndarray(self._one, self._dtype, self._vector(*row))
        except (TypeError, IndexError, struct.error, OverflowError):  # several vectors, or none that fits
            return self._pack_any(value)

    def _pack_any(self, value: object) -> Array | None:
        try:
            array = np.array(value, np.float64)
        except ValueError:  # lists of different lengths
            return None
        if array.shape == self._tail:
            array = array[np.newaxis]
        elif array.shape[1:] != self._tail or not len(array):
            return None
        if self._features is not None:
            if np.vdot(array, array) > MODEST_SQUARE:
                return None
            array = self._features.scale(array)
        # No number is larger than the root of the sum of the squares; NumPy's own ways to ask take twice the time.
        return array.astype(self._dtype) if np.vdot(array, array) <= self._largest_square else None
