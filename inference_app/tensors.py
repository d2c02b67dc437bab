"""Tensors as the model takes them: element types, shapes, and arrays from Python values, checked on the way."""

import math
import struct
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from inference_app.errors import BadRequest

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = dict[str, Array]


FEW = 32


class Datatype(StrEnum):
    """The Open Inference Protocol's names of ONNX's element types.

    BF16 is none of them: NumPy has no such type, so a model's edges cannot carry it; cast inside the graph.
    """

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
    BYTES = "BYTES"

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's type of the same width; BYTES are `str` objects, as ONNX Runtime takes its UTF-8 strings."""
        if self is Datatype.BYTES:
            return np.dtype(object)
        return np.dtype(self.value.lower().replace("fp", "float"))


_STRUCT_CODES = dict(zip(Datatype, "?BHIQbhiqefdO", strict=True))
"""`O`, NumPy's letter for objects, is none of `struct`'s."""


class TensorSpec(BaseModel):
    """Name, element type and shape of one model input or output; -1 is a size that each request chooses."""

    model_config = ConfigDict(frozen=True)

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    allow_nan: bool = False
    """Whether NaN (null in JSON) and infinity mean something to the model, such as a missing value."""

    @field_validator("shape")
    @classmethod
    def _first_axis_is_the_batch(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not shape or shape[0] != -1:
            raise ValueError("the first dimension must be -1, the batch")
        if any(size != -1 and size < 1 for size in shape):
            raise ValueError("each dimension must be -1 or at least 1")
        return shape

    @model_validator(mode="after")
    def _only_fractions_have_nan(self) -> "TensorSpec":
        if self.allow_nan and not self.datatype.startswith("FP"):
            raise ValueError(f"allow_nan is for FP16, FP32 and FP64, {self.name} is {self.datatype}")
        return self

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's type of the elements."""
        return self.datatype.dtype

    @cached_property
    def struct_code(self) -> str:
        """The element type for `struct` (https://docs.python.org/3/library/struct.html#format-characters)."""
        return _STRUCT_CODES[self.datatype]

    @cached_property
    def python_types(self) -> frozenset[type]:
        """What JSON may spell an element with."""
        types = _PYTHON_TYPES[self.dtype.kind]
        return types | {type(None)} if self.allow_nan else types

    def accepts(self, shape: Sequence[int]) -> bool:
        """Whether an array of this shape, batch axis included, fits; an empty batch does not."""
        if len(shape) != len(self.shape):
            return False
        for wanted, size in zip(self.shape, shape):  # noqa: B905 - the keyword costs as much as the loop
            if type(size) is not int or size < 0 or wanted not in (size, -1):
                return False
        return shape[0] > 0


def from_json(value: Any, spec: TensorSpec) -> Array:
    """The array of `spec`'s datatype that a nested list of JSON values spells; its shape is not checked yet.

    Raises `BadRequest` for ragged lists, for anything but numbers (booleans for BOOL, strings for BYTES), and for
    numbers that the datatype cannot hold. NaN and Infinity are no JSON (RFC 8259, section 6), so they never get here.
    """
    flat, shape = flatten(value, spec)
    return from_values(flat, shape, spec)


def from_values(flat: list[object], shape: tuple[int, ...], spec: TensorSpec) -> Array:
    """The array of `spec`'s datatype and of `shape` with these values, row-major, as many as `shape` says.

    Raises `BadRequest` for values of another type and for numbers that the datatype cannot hold: none is rounded to
    a whole number, wrapped or made infinite. The array cannot be written to.
    """
    if not spec.python_types.issuperset(map(type, flat)):
        wrong = set(map(type, flat)) - spec.python_types
        raise BadRequest(f"input {spec.name}: expected {spec.datatype}, got {_JSON_NAMES[wrong.pop()]}")
    if spec.struct_code == "O":
        return _strings(flat, shape)
    if spec.allow_nan:
        flat = [math.nan if value is None else value for value in flat]
    try:
        # Of all ways from Python numbers to an array this alone refuses what does not fit, and it is the fastest.
        packed = _packer(spec.struct_code, len(flat))(*flat)
    except (struct.error, OverflowError):
        raise BadRequest(f"input {spec.name}: a number lies outside {spec.datatype}") from None
    return np.ndarray(shape, spec.dtype, packed)


_PYTHON_TYPES: dict[str, frozenset[type]] = {
    "f": frozenset({int, float}),
    "i": frozenset({int}),
    "u": frozenset({int}),
    "b": frozenset({bool}),
    "O": frozenset({str}),
}
_JSON_NAMES: dict[type, str] = {
    bool: "a boolean",
    int: "a whole number",
    float: "a fraction",
    str: "a string",
    list: "lists of different depths",
    dict: "an object",
    type(None): "null",
}


@lru_cache(maxsize=256)
def _packer(code: str, count: int) -> Callable[..., bytes]:
    return struct.Struct(f"={count}{code}").pack


def _strings(flat: list[object], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(flat), dtype=object)
    array[:] = flat
    return array.reshape(shape)


def flatten(value: Any, spec: TensorSpec) -> tuple[list[object], tuple[int, ...]]:
    """The leaves of a nested list, in order, and its shape; raises `BadRequest` where it is ragged.

    NumPy would do this too, but it widens every element to the longest string among them before it can be refused.
    """
    if value.__class__ is list and value and value[0].__class__ is not list:
        return value, (len(value),)  # flat, as clients send it; a list among the rest is no element of any datatype
    level: list[object] = [value]
    shape: list[int] = []
    while level and isinstance(level[0], list):
        if set(map(type, level)) != {list}:
            raise BadRequest(f"input {spec.name}: values and lists are mixed at depth {len(shape)}")
        lists = cast("list[list[object]]", level)
        lengths = set(map(len, lists))
        if len(lengths) > 1:
            raise BadRequest(f"input {spec.name}: lists at depth {len(shape)} differ in length")
        shape.append(lengths.pop())
        level = list(chain.from_iterable(lists))
    return level, tuple(shape)


def check_finite(array: Array, spec: TensorSpec) -> None:
    """Raise `BadRequest` for NaN and infinity in floating-point numbers, unless the model takes them."""
    if spec.dtype.kind != "f" or spec.allow_nan:
        return
    # A sum goes over the numbers once and needs no memory; one that overflows is looked at again.
    if math.isfinite(_sum(array)):
        return
    if not np.isfinite(array).all():
        raise BadRequest(f"input {spec.name}: NaN and infinity are no input of this model")


def _sum(array: Array) -> float:
    if array.size <= FEW:  # for which Python is faster
        return sum(array.reshape(-1).tolist())
    with np.errstate(over="ignore", invalid="ignore"):
        return float(array.sum())


def with_batch_axis(array: Array, spec: TensorSpec) -> Array:
    """The array as it is, or, where it is a single example, as a batch of one."""
    return array[np.newaxis] if array.ndim == len(spec.shape) - 1 else array


def check_names(names: Collection[str], specs: tuple[TensorSpec, ...]) -> None:
    """Raise `BadRequest` unless `names` are exactly the inputs of `specs`."""
    wanted = [spec.name for spec in specs]
    for name in names:
        if name not in wanted:
            raise BadRequest(f"unknown input {name:.60}; the model takes {', '.join(wanted)}")
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
    """One batch out of several; all parts share names and trailing shapes.

    The arrays are aligned, as kernels expect: a tensor read in place from a request's body may not be.
    """
    if len(parts) == 1 and all(map(_is_aligned, parts[0].values())):
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _is_aligned(array: Array) -> bool:
    return array.flags.aligned


def take(arrays: Arrays, start: int, stop: int) -> Arrays:
    """Examples `start` to `stop` (exclusive), as views."""
    return {name: array[start:stop] for name, array in arrays.items()}
