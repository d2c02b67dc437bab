"""What the OpenAPI document says of bodies and errors, which the protocols read themselves, unseen by FastAPI."""

from typing import Any

from inference_app.protocols.images import FORMATS
from inference_app.protocols.predict import JSON
from inference_app.tensors import Datatype

Responses = dict[int | str, dict[str, Any]]

NOT_READY: Responses = {503: {"description": "Not ready; `error` says why."}}
UNKNOWN: Responses = {404: {"description": "No such model or version here."}}
ERRORS: Responses = NOT_READY | {
    400: {"description": "The body is not what the model takes; `error` says what was expected and what came."},
    408: {"description": "The body did not arrive in time."},
    413: {"description": "The body, the image or the number of examples is too large."},
    415: {"description": "The body's type or encoding is not supported."},
    429: {"description": "The queue is full; try again after `Retry-After` seconds."},
    504: {"description": "The model had no time for the request before its deadline."},
}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


PREDICT_BODY = _body(
    {
        JSON: {
            "schema": {"oneOf": [{"type": "object", "required": ["inputs"]}, {"type": "array"}]},
            "example": '{"inputs": [[[0.0], [0.5]], [[1.0], [0.25]]]}',
        },
        **{media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in FORMATS},
    }
)

_NAME = {"type": "string"}
_OUTPUT = {"type": "object", "required": ["name"], "properties": {"name": _NAME}}
_INPUT = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "properties": {
        "name": _NAME,
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"enum": list(Datatype)},
        "data": {"type": "array", "description": "Flat or nested, row-major."},
    },
}
INFER_BODY = _body(
    {
        JSON: {
            "schema": {
                "type": "object",
                "required": ["inputs"],
                "properties": {
                    "id": {"type": "string"},
                    "inputs": {"type": "array", "items": _INPUT},
                    "outputs": {"type": "array", "items": _OUTPUT},
                },
            },
            "example": '{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.0, 0.5]}]}',
        }
    }
)
