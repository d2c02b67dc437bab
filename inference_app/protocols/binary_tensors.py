"""Tensors as bytes: little-endian, row-major, without padding; HTTP's binary extension and gRPC's raw contents.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import math
import struct
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np

from inference_app import tensors
from inference_app.errors import BadRequest
from inference_app.tensors import Array, TensorSpec

_LENGTH = struct.Struct("<I")


def decode(body: bytes, start: int, size: int, shape: Sequence[int], spec: TensorSpec) -> Array:
    """The tensor in `size` bytes of `body` from `start` on; `spec` accepts `shape`.

    Numbers are read in place: the array keeps `body` alive, cannot be written to and may be unaligned.
    Raises `BadRequest` where the bytes are not exactly a tensor of this shape, or hold NaN or infinity.
    """
    if start + size > len(body):
        raise BadRequest(f"input {spec.name}: {size} bytes are announced, {max(0, len(body) - start)} are left")
    if spec.dtype.kind == "O":
        return _decode_strings(body, start, start + size, shape, spec)
    wanted = math.prod(shape) * spec.dtype.itemsize
    if size != wanted:
        raise BadRequest(f"input {spec.name}: {spec.datatype} of shape {list(shape)} takes {wanted} bytes, got {size}")
    array = np.ndarray(shape, spec.dtype, body, start)
    _check_values(array, spec)
    return array


def _check_values(array: Array, spec: TensorSpec) -> None:
    if spec.dtype.kind == "f":
        tensors.check_finite(array, spec)
    elif spec.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise BadRequest(f"input {spec.name}: a BOOL is a byte of 0 or 1")


def _decode_strings(body: bytes, start: int, stop: int, shape: Sequence[int], spec: TensorSpec) -> Array:
    count = math.prod(shape)
    # Checked before anything is allocated: a shape can name more elements than memory holds.
    if count * _LENGTH.size > stop - start:
        raise BadRequest(f"input {spec.name}: {stop - start} bytes are too few for shape {list(shape)}")
    strings = list(_strings(body, start, stop, spec))
    if len(strings) != count:
        raise BadRequest(f"input {spec.name}: shape {list(shape)} takes {count} elements, got {len(strings)}")
    return tensors.from_values(strings, tuple(shape), spec)


def _strings(body: bytes, position: int, stop: int, spec: TensorSpec) -> Iterator[object]:
    while position < stop:
        begin = position + _LENGTH.size
        position = begin + _LENGTH.unpack_from(body, position)[0] if begin <= stop else begin
        if position > stop:
            raise BadRequest(f"input {spec.name}: an element's length runs over the tensor's end")
        yield text(body[begin:position], spec)


def text(content: bytes, spec: TensorSpec) -> str:
    """A BYTES element as the string that ONNX knows; raises `BadRequest` where it is no UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"input {spec.name}: an element is no UTF-8 text: {error.reason}") from None


def encode(array: Array) -> bytes:
    """The array's bytes."""
    if array.dtype.kind != "O":
        return array.tobytes()
    return b"".join(map(_encode_string, cast("list[str | bytes]", array.reshape(-1).tolist())))


def _encode_string(value: str | bytes) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return _LENGTH.pack(len(content)) + content
