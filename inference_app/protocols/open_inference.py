"""The Open Inference Protocol, version 2, over HTTP: JSON, and tensors as bytes behind it.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import reprlib
from functools import lru_cache
from typing import Any, cast

from inference_app import __version__
from inference_app.errors import BadRequest
from inference_app.outputs import Rows
from inference_app.protocols import json_body, json_fields
from inference_app.protocols.call import Answer, Headers
from inference_app.protocols.infer_answer import HEADER_LENGTH, AnswerForm
from inference_app.protocols.infer_inputs import Described, InferInputs
from inference_app.protocols.infer_outputs import InferOutputs
from inference_app.repository import Metadata
from inference_app.tensors import Arrays, Datatype

PLATFORM = "onnx_onnxv1"
EXTENSIONS = ("binary_tensor_data", "classification", "model_repository")

QUICK_JSON_BYTES = 32 * 1024
QUICK_TENSOR_BYTES = 4 * 1024 * 1024
"""Looking for NaN in a mebibyte of numbers takes about 30 microseconds."""

REMEMBERED_BYTES = 1024
"""A client's binary requests without ids all have the same JSON: up to so long, it is read once."""


def server_metadata() -> dict[str, Any]:
    """The answer of `GET /v2`."""
    return {"name": "inference-platform", "version": __version__, "extensions": EXTENSIONS}


def model_metadata(metadata: Metadata) -> dict[str, Any]:
    """The answer of `GET /v2/models/{name}`; one version of a model is served at a time."""
    return {
        "name": metadata.name,
        "versions": [metadata.version],
        "platform": PLATFORM,
        "inputs": [spec.model_dump(exclude={"allow_nan"}) for spec in metadata.inputs],
        "outputs": [spec.model_dump(exclude={"allow_nan"}) for spec in metadata.outputs],
    }


class InferCall:
    """One checked request."""

    __slots__ = ("_form", "_id", "inputs")

    def __init__(self, inputs: Arrays, form: AnswerForm, request_id: str | None) -> None:
        self.inputs = inputs
        self._form = form
        self._id = request_id

    def render(self, rows: Rows) -> Answer:
        """The answer in the form that the client asked for."""
        return self._form.render(rows, self._id)


class OpenInferenceCodec:
    """The protocol for one model."""

    def __init__(self, metadata: Metadata) -> None:
        self._inputs = InferInputs(metadata.inputs)
        self._outputs = InferOutputs(metadata)
        self._remember = lru_cache(maxsize=64)(self._read)
        self._has_strings = any(spec.datatype is Datatype.BYTES for spec in metadata.inputs)

    def is_quick(self, size: int, headers: Headers) -> bool:
        """Whether the body is short, or long only for numbers in binary, which are read in place."""
        length = headers.get(HEADER_LENGTH)
        if length is None or self._has_strings:
            return size <= QUICK_JSON_BYTES
        return size <= QUICK_TENSOR_BYTES and length.isdigit() and int(length[:12]) <= QUICK_JSON_BYTES

    def parse(self, body: bytes, headers: Headers) -> InferCall:
        """Check an inference request; raises `BadRequest` naming what was expected and what came.

        The header Inference-Header-Content-Length says where the JSON ends and binary tensors begin; 0 means that
        the body is one example of the only input. Unknown parameters and unknown members are ignored.
        """
        length = headers.get(HEADER_LENGTH)
        if length is None:
            described, form, request_id = self._read(body, with_binary=False)
            return InferCall(self._inputs.order(cast("Arrays", described)), form, request_id)
        start = _header_length(length, body)
        if start == 0:
            return InferCall(self._inputs.read_raw(body), self._outputs.all[True], None)
        read = self._remember if start <= REMEMBERED_BYTES else self._read
        described, form, request_id = read(bytes(body[:start]), with_binary=True)
        return InferCall(self._inputs.fill(described, body, start), form, request_id)

    def _read(self, text: bytes, *, with_binary: bool) -> tuple[Described, AnswerForm, str | None]:
        """What a request's JSON says: its inputs, the form of the answer, the id."""
        request = json_fields.an_object(json_body.loads(text), "the request")
        request_id = request.get("id")
        if request_id is not None and type(request_id) is not str:
            raise BadRequest(f"id must be a string, got {reprlib.repr(request_id)}")
        given = json_fields.a_list(request.get("inputs"), "inputs")
        described = self._inputs.describe(given, with_binary=with_binary)
        return described, self._outputs.choose(request), request_id


def _header_length(value: bytes, body: bytes) -> int:
    """How many bytes of the body are JSON; int() alone would take signs, underscores and endless digits."""
    length = int(value) if value.isdigit() and len(value) <= 12 else -1
    if not 0 <= length <= len(body):
        got = value[:60].decode("latin-1")
        raise BadRequest(f"Inference-Header-Content-Length must be from 0 to the body's {len(body)} bytes, got {got}")
    return length
