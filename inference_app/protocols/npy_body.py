"""NumPy's .npy bodies: one array with its type and shape, read without copying it.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import ast
import io
import math
import re
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.lib import format as npy

from inference_app import tensors
from inference_app.errors import BadRequest
from inference_app.tensors import Array, TensorSpec

MAGIC = b"\x93NUMPY\x01\x00"
"""With the format's version, 1.0, which writers use unless the header is huge."""

HEADER_START = 10
"""Behind the magic come two bytes with the header's length, then the header, a Python literal."""

MAX_HEADER_BYTES = 1024

_NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


class Header(NamedTuple):
    """What an array's header declares."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]


def parse(body: bytes, spec: TensorSpec) -> Array:
    """The array in `spec`'s datatype; its shape is not checked yet.

    Another type is converted where that loses no number: NumPy makes FP64 and INT64 unless it is told otherwise.
    Raises `BadRequest` for what is no .npy array of finite numbers; a declared size is checked before it is believed,
    and nothing pickled is read.
    """
    start = HEADER_START + int.from_bytes(body[8:HEADER_START], "little")
    header = _header(bytes(body[:start]))
    if len(header.shape) > len(spec.shape):
        raise BadRequest(f"input {spec.name}: expected shape {list(spec.shape)}, got {len(header.shape)} dimensions")
    count = math.prod(header.shape)
    declared = count * header.dtype.itemsize
    if min(header.shape, default=1) < 1 or declared != len(body) - start:
        shape = f"{list(header.shape)} of {header.dtype}"
        raise BadRequest(f"the .npy header declares shape {shape}, {declared} bytes; {len(body) - start} follow it")
    array = np.frombuffer(body, header.dtype, count, start)
    if header.dtype != spec.dtype:
        array = _converted(array, spec)
    tensors.check_finite(array, spec)
    return np.ascontiguousarray(array.reshape(header.shape, order="F" if header.is_fortran else "C"))


# Requests of one client share their header's bytes, and reading it costs several times what all else here does.
@lru_cache(maxsize=32)
def _header(head: bytes) -> Header:
    """NumPy's own reader meets a hostile header with exceptions of many kinds, hence this one."""
    if not head.startswith(MAGIC) or len(head) > MAX_HEADER_BYTES:
        raise BadRequest("the body is no .npy array of format version 1.0")
    try:
        fields = ast.literal_eval(head[HEADER_START:].decode("latin-1").strip())
        shape, is_fortran, element = fields["shape"], fields["fortran_order"], fields["descr"]
    except (ValueError, TypeError, LookupError, SyntaxError, RecursionError, MemoryError) as error:
        raise BadRequest(f"the .npy header cannot be read: {type(error).__name__}") from None
    if not isinstance(element, str) or not _NUMBERS.fullmatch(element):
        raise BadRequest(f"expected an array of numbers, got {element!s:.60}")
    if not isinstance(shape, tuple) or not all(type(size) is int for size in cast("tuple[object, ...]", shape)):
        raise BadRequest("the .npy header's shape must be a tuple of whole numbers")
    return Header(cast("tuple[int, ...]", shape), is_fortran is True, np.dtype(element))


def _converted(array: Array, spec: TensorSpec) -> Array:
    if spec.dtype.kind == "O" or not np.can_cast(array.dtype, spec.dtype, "same_kind"):
        raise BadRequest(f"input {spec.name}: expected {spec.datatype}, got an array of {array.dtype}")
    with np.errstate(over="ignore"):
        converted = array.astype(spec.dtype)
    if converted.dtype.kind != "f" and (converted != array).any():
        raise BadRequest(f"input {spec.name}: a number lies outside {spec.datatype}")
    return converted


def render(array: Array) -> bytes:
    """The array as numpy.save writes it."""
    file = io.BytesIO()
    npy.write_array(file, np.ascontiguousarray(array), (1, 0), allow_pickle=False)
    return file.getvalue()
