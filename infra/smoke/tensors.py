"""Tensors as JSON holds them, and how far two of them are apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BYTES = "BYTES"
"""The Open Inference Protocol's name for strings, which are equal or not."""

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A model's input or output: `data` is nested lists, batch axis first, as the golden file has them."""

    name: str
    datatype: str
    data: Any

    @property
    def values(self) -> Array:
        """The same as an array."""
        return array(self.data, self.datatype)


def array(data: Any, datatype: str, shape: Sequence[int] | None = None) -> Array:
    """Nested or flat lists as an array, null as NaN; raises `ValueError` for what is ragged or no number."""
    made = np.array(data, dtype=object) if datatype == BYTES else _numbers(data)
    return made if shape is None else made.reshape(shape)


def _numbers(data: Any) -> Array:
    made = np.array(data)
    if made.dtype.kind == "U":  # NumPy would read numbers out of texts
        raise ValueError(f"{made.flat[0]!r} is no number")
    try:
        return made.astype(np.float64)
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None


def difference(actual: Array, expected: Array) -> float:
    """The largest absolute difference, NaN where a number is none; strings are 0 apart or infinitely."""
    if expected.dtype == object:
        return 0.0 if (actual == expected).all() else math.inf
    with np.errstate(invalid="ignore"):
        return float(np.abs(actual - expected).max(initial=0.0))
