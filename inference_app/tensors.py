"""JSON values into the arrays a model takes: datatype, shape and finiteness are checked here."""

from collections.abc import Collection
from enum import StrEnum
from itertools import chain
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, field_validator

from inference_app.errors import BadRequest

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = dict[str, Array]


class Datatype(StrEnum):
    """The Open Inference Protocol's names of the element types that are served; BYTES is not."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's type of the same width."""
        return np.dtype(self.value.lower().replace("fp", "float"))


class TensorSpec(BaseModel):
    """Name, element type and shape of one model input or output; -1 is a size that each request chooses."""

    model_config = ConfigDict(frozen=True)

    name: str
    datatype: Datatype
    shape: tuple[int, ...]

    @field_validator("shape")
    @classmethod
    def _first_axis_is_the_batch(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not shape or shape[0] != -1:
            raise ValueError("the first dimension must be -1, the batch")
        if any(size != -1 and size < 1 for size in shape):
            raise ValueError("each dimension must be -1 or at least 1")
        return shape

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape, batch axis included, fits; an empty batch does not."""
        if len(shape) != len(self.shape) or shape[0] < 1:
            return False
        return all(wanted in (-1, size) for wanted, size in zip(self.shape, shape, strict=True))


def from_json(value: object, spec: TensorSpec) -> Array:
    """The array of `spec`'s datatype that a nested list of JSON numbers spells; its shape is not checked yet.

    Raises `BadRequest` for ragged lists, for anything but numbers (booleans for BOOL), and for numbers that the
    datatype cannot hold. NaN and Infinity are no JSON (RFC 8259, section 6), so they never get here.
    """
    flat, shape = _flatten(value, spec)
    wrong = set(map(type, flat)) - _PYTHON_TYPES[spec.datatype.dtype.kind]
    if wrong:
        raise BadRequest(f"input {spec.name}: expected {spec.datatype}, got {_JSON_NAMES[wrong.pop()]}")
    try:
        with np.errstate(over="ignore"):
            array = np.array(flat, dtype=spec.datatype.dtype)
    except OverflowError:
        raise BadRequest(f"input {spec.name}: a number lies outside {spec.datatype}") from None
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise BadRequest(f"input {spec.name}: a number lies outside {spec.datatype}")
    return array.reshape(shape)


_PYTHON_TYPES: dict[str, set[type]] = {"f": {int, float}, "i": {int}, "u": {int}, "b": {bool}}
_JSON_NAMES: dict[type, str] = {
    bool: "a boolean",
    int: "a whole number",
    float: "a fraction",
    str: "a string",
    list: "lists of different depths",
    dict: "an object",
    type(None): "null",
}


def _flatten(value: object, spec: TensorSpec) -> tuple[list[object], tuple[int, ...]]:
    """The leaves of a nested list, in order, and its shape.

    NumPy would do this too, but it widens every element to the longest string among them before it can be refused.
    """
    level: list[object] = [value]
    shape: list[int] = []
    while level and isinstance(level[0], list):
        if set(map(type, level)) != {list}:
            raise BadRequest(f"input {spec.name}: numbers and lists are mixed at depth {len(shape)}")
        lists = cast("list[list[object]]", level)
        lengths = set(map(len, lists))
        if len(lengths) > 1:
            raise BadRequest(f"input {spec.name}: lists at depth {len(shape)} differ in length")
        shape.append(lengths.pop())
        level = list(chain.from_iterable(lists))
    return level, tuple(shape)


def with_batch_axis(array: Array, spec: TensorSpec) -> Array:
    """The array as it is, or, where it is a single example, as a batch of one."""
    return array[np.newaxis] if array.ndim == len(spec.shape) - 1 else array


def check_names(names: Collection[str], specs: tuple[TensorSpec, ...]) -> None:
    """Raise `BadRequest` unless `names` are exactly the inputs of `specs`."""
    wanted = [spec.name for spec in specs]
    for name in names:
        if name not in wanted:
            raise BadRequest(f"unknown input {name}; the model takes {', '.join(wanted)}")
    for name in wanted:
        if name not in names:
            raise BadRequest(f"input {name} is missing; the model takes {', '.join(wanted)}")


def check(inputs: Arrays, specs: tuple[TensorSpec, ...]) -> None:
    """Raise `BadRequest` unless `inputs` holds exactly the arrays of `specs`, equally many examples in each."""
    check_names(inputs, specs)
    for spec in specs:
        shape = cast("tuple[int, ...]", inputs[spec.name].shape)
        if not spec.accepts(shape):
            raise BadRequest(f"input {spec.name}: expected shape {list(spec.shape)}, got {list(shape)}")
    if len({len(array) for array in inputs.values()}) > 1:
        raise BadRequest("all inputs must hold the same number of examples")


def rows(arrays: Arrays) -> int:
    """How many examples the arrays hold."""
    return len(next(iter(arrays.values())))


def stack(parts: list[Arrays]) -> Arrays:
    """One batch out of several; all parts share names and trailing shapes."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def take(arrays: Arrays, start: int, stop: int) -> Arrays:
    """Examples `start` to `stop` (exclusive), as views."""
    return {name: array[start:stop] for name, array in arrays.items()}
