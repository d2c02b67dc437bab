"""A model's outputs as one value: a checksum, a list of the tensors in JSON, and their bytes."""

import struct
import zlib
from collections.abc import Mapping

import orjson

from inference_app.errors import BadRequest
from inference_app.protocols import tensor_list
from inference_app.tensors import Arrays, TensorSpec

_HEADER = struct.Struct("<4sII")
"""What it is, the checksum of what follows this, and the length of the JSON."""
_MAGIC = b"IAv1"


def pack(outputs: Arrays, specs: Mapping[str, TensorSpec]) -> bytes:
    """The value for outputs of those specs."""
    described, data = tensor_list.write(outputs, specs.values())
    listed = orjson.dumps(described)
    content = b"".join((listed, *data))
    return _HEADER.pack(_MAGIC, zlib.crc32(content), len(listed)) + content


def unpack(value: bytes, specs: Mapping[str, TensorSpec], rows: int) -> Arrays | None:
    """The outputs for `rows` examples, views of the value; None where it is anything else than `pack` made of such."""
    try:
        magic, checksum, length = _HEADER.unpack_from(value)
        if magic != _MAGIC or zlib.crc32(memoryview(value)[_HEADER.size :]) != checksum:
            return None
        start = _HEADER.size + length
        return tensor_list.read(orjson.loads(value[_HEADER.size : start]), value, start, specs, rows)
    except (BadRequest, struct.error, ValueError, KeyError, TypeError):
        return None
