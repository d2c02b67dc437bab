"""The Open Inference Protocol, version 2, as JSON over REST.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, NonNegativeInt, ValidationError

from inference_app import __version__, tensors
from inference_app.errors import BadRequest, UnknownModel
from inference_app.protocols import json_body
from inference_app.repository import Metadata
from inference_app.tensors import Array, Arrays, TensorSpec

PLATFORM = "onnx_onnxv1"


class RequestInput(BaseModel, strict=True):
    """One input tensor; `data` is a flat or a nested list, row-major."""

    name: str
    shape: list[NonNegativeInt]
    datatype: str
    data: Any


class RequestOutput(BaseModel, strict=True):
    """One output that the answer shall hold."""

    name: str


class InferRequest(BaseModel, strict=True):
    """The body of an inference request; parameters are accepted and ignored."""

    id: str | None = None
    inputs: list[RequestInput]
    outputs: list[RequestOutput] | None = None


@dataclass(frozen=True)
class Inference:
    """A checked request: the model's inputs, and what the answer shall hold."""

    id: str | None
    inputs: Arrays
    outputs: tuple[TensorSpec, ...]


def server_metadata() -> dict[str, Any]:
    """The answer of `GET /v2`."""
    return {"name": "inference-platform", "version": __version__, "extensions": []}


def model_metadata(metadata: Metadata) -> dict[str, Any]:
    """The answer of `GET /v2/models/{name}`."""
    return {
        "name": metadata.name,
        "versions": [metadata.version],
        "platform": PLATFORM,
        "inputs": [spec.model_dump() for spec in metadata.inputs],
        "outputs": [spec.model_dump() for spec in metadata.outputs],
    }


def check_model(metadata: Metadata, name: str, version: str | None) -> None:
    """Raise `UnknownModel` unless name and version are the ones served."""
    if name != metadata.name:
        raise UnknownModel(f"model {name} is not served here; {metadata.name} is")
    if version not in (None, metadata.version):
        raise UnknownModel(f"version {version} of {name} is not served here; {metadata.version} is")


def parse(body: bytes, metadata: Metadata) -> Inference:
    """Check an inference request; raises `BadRequest` naming what was expected and what came."""
    document = json_body.loads(body)
    try:
        request = InferRequest.model_validate(document)
    except ValidationError as error:
        raise BadRequest(json_body.reason(error)) from None
    given = {tensor.name: tensor for tensor in request.inputs}
    if len(given) < len(request.inputs):
        raise BadRequest("an input is given twice")
    tensors.check_names(given, metadata.inputs)
    inputs = {spec.name: _array(given[spec.name], spec) for spec in metadata.inputs}
    tensors.check(inputs, metadata.inputs)
    return Inference(request.id, inputs, _requested(request, metadata))


def _array(tensor: RequestInput, spec: TensorSpec) -> Array:
    if tensor.datatype != spec.datatype:
        raise BadRequest(f"input {spec.name}: expected datatype {spec.datatype}, got {tensor.datatype}")
    shape = tuple(tensor.shape)
    if not spec.accepts(shape):
        raise BadRequest(f"input {spec.name}: expected shape {list(spec.shape)}, got {tensor.shape}")
    array = tensors.from_json(tensor.data, spec)
    if array.shape not in (shape, (math.prod(shape),)):
        raise BadRequest(f"input {spec.name}: shape {tensor.shape} does not match data of shape {list(array.shape)}")
    return array.reshape(shape)


def _requested(request: InferRequest, metadata: Metadata) -> tuple[TensorSpec, ...]:
    if request.outputs is None:
        return metadata.outputs
    specs = {spec.name: spec for spec in metadata.outputs}
    unknown = [output.name for output in request.outputs if output.name not in specs]
    if unknown:
        raise BadRequest(f"unknown output {unknown[0]}; the model gives {', '.join(specs)}")
    return tuple(specs[output.name] for output in request.outputs)


def render(inference: Inference, outputs: Arrays, metadata: Metadata) -> bytes:
    """The answer as JSON; `data` is flat, row-major, and `id` is there when the request had one."""
    answer: dict[str, Any] = {"model_name": metadata.name, "model_version": metadata.version}
    if inference.id is not None:
        answer["id"] = inference.id
    answer["outputs"] = [_output(spec, outputs[spec.name]) for spec in inference.outputs]
    return json_body.dumps(answer)


def _output(spec: TensorSpec, array: Array) -> dict[str, Any]:
    flat = np.ascontiguousarray(array).reshape(-1)
    return {"name": spec.name, "datatype": spec.datatype, "shape": array.shape, "data": flat}
