"""JSON bodies: parsing with a reason for what fails, and serialising with arrays."""

from typing import Any

import orjson
from pydantic import ValidationError

from inference_app.errors import BadRequest


def loads(body: bytes) -> Any:
    """Parse JSON strictly (UTF-8, no NaN or Infinity); raises `BadRequest` with the place and the reason."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is no valid JSON: {error}") from None


def dumps(value: object) -> bytes:
    """Serialise; arrays are written as nested lists and a NaN or infinite output as null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def reason(error: ValidationError) -> str:
    """The first thing that is wrong with an object, with its place in it."""
    first = error.errors()[0]
    return ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))
