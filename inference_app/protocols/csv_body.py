"""CSV bodies: one example a row, its numbers the model's one input or output, flattened row-major."""

import io
import math
import re

import numpy as np
import orjson

from inference_app import tensors
from inference_app.errors import BadRequest, UnsupportedMediaType
from inference_app.tensors import Array, TensorSpec

_NAME = re.compile(r'\s*"?[A-Za-z_]')


def check_fits(spec: TensorSpec) -> None:
    """Raise `UnsupportedMediaType` unless rows of numbers can say what `spec` declares."""
    if spec.dtype.kind not in "biuf" or spec.shape[1:].count(-1) > 1:
        what = f"{spec.datatype} of shape {list(spec.shape)}"
        raise UnsupportedMediaType(f"CSV cannot hold {spec.name}, which is {what}; send application/json")


def parse(body: bytes, spec: TensorSpec) -> Array:
    """Rows of numbers as an array of `spec`'s datatype and shape, batch axis first.

    There is no header row; BOOL is spelled 0 and 1; NaN and infinity need `allow_nan`.
    Raises `BadRequest` with the place of what is wrong, or `UnsupportedMediaType` (`check_fits`).
    """
    check_fits(spec)
    table = _table(body, spec)
    tensors.check_finite(table, spec)
    known = math.prod(size for size in spec.shape[1:] if size != -1)
    rows, columns = table.shape
    if columns % known if -1 in spec.shape[1:] else columns != known:
        raise BadRequest(f"input {spec.name}: expected {known} numbers in each row, got {columns}")
    return table.reshape(rows, *spec.shape[1:])


def _table(body: bytes, spec: TensorSpec) -> Array:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is no UTF-8 text: {error}") from None
    if not text.strip():
        raise BadRequest("the body has no rows")
    try:
        return np.loadtxt(
            io.StringIO(text), spec.dtype, comments=None, delimiter=",", ndmin=2, quotechar='"', encoding=None
        )
    except ValueError as error:
        raise BadRequest(_reason(text, error)) from None


def _reason(text: str, error: ValueError) -> str:
    first = text.lstrip().partition("\n")[0]
    if all(map(_NAME.match, first.split(","))):
        return f"the first row is a header ({first[:80].strip()}); send rows of numbers only"
    return f"the body is no CSV of numbers: {error}"


def render(array: Array) -> bytes:
    """One row for each example, its values row-major; the shortest digits that give the same number back."""
    table = np.ascontiguousarray(array).reshape(len(array), -1)
    rows = orjson.dumps(table, option=orjson.OPT_SERIALIZE_NUMPY)
    return rows[2:-2].replace(b"],[", b"\n") + b"\n"
