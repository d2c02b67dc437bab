"""Inference messages to arrays and back."""

import math
from collections.abc import Mapping
from typing import Any

from inference_app import tensors
from inference_app.errors import BadRequest
from inference_app.grpc.open_inference_pb2 import InferParameter, ModelInferRequest, ModelInferResponse
from inference_app.protocols import binary_tensors
from inference_app.protocols.classification import likeliest
from inference_app.protocols.infer_outputs import RequestedOutput, check_outputs, labels_of
from inference_app.repository import Metadata
from inference_app.tensors import Array, Arrays, Datatype, TensorSpec

FIELDS = {
    Datatype.BOOL: "bool_contents",
    Datatype.UINT8: "uint_contents",
    Datatype.UINT16: "uint_contents",
    Datatype.UINT32: "uint_contents",
    Datatype.UINT64: "uint64_contents",
    Datatype.INT8: "int_contents",
    Datatype.INT16: "int_contents",
    Datatype.INT32: "int_contents",
    Datatype.INT64: "int64_contents",
    Datatype.FP32: "fp32_contents",
    Datatype.FP64: "fp64_contents",
    Datatype.BYTES: "bytes_contents",
}
"""Where a message holds a datatype's elements; FP16 has no field and goes raw.
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md#tensor-data"""


def read_inputs(request: ModelInferRequest, metadata: Metadata) -> Arrays:
    """The model's inputs, in the model's order; raises `BadRequest` naming what was expected and what came."""
    given = {tensor.name: tensor for tensor in request.inputs}
    if len(given) < len(request.inputs):
        raise BadRequest("an input is given twice")
    tensors.check_names(given, metadata.inputs)
    raw = _raw_contents(request)
    arrays = {spec.name: _array(given[spec.name], raw.get(spec.name), spec) for spec in metadata.inputs}
    tensors.check(arrays, metadata.inputs)
    return arrays


def _raw_contents(request: ModelInferRequest) -> dict[str, bytes]:
    """Raw elements by input, none where the request has its elements in typed fields."""
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise BadRequest(f"raw_input_contents must have one entry per input, got {len(raw)}")
    return {tensor.name: content for tensor, content in zip(request.inputs, raw, strict=False)}


def _array(tensor: ModelInferRequest.InferInputTensor, raw: bytes | None, spec: TensorSpec) -> Array:
    if tensor.datatype != spec.datatype:
        raise BadRequest(f"input {spec.name}: expected datatype {spec.datatype}, got {tensor.datatype:.60}")
    if not spec.accepts(tensor.shape):
        got = f"{list(tensor.shape[:8])}{' and more' if len(tensor.shape) > 8 else ''}"
        raise BadRequest(f"input {spec.name}: expected shape {list(spec.shape)}, got {got}")
    if raw is None:
        return _typed(tensor, spec)
    if tensor.HasField("contents"):
        raise BadRequest(f"input {spec.name} is given twice, raw and in contents")
    return binary_tensors.decode(raw, 0, len(raw), tuple(tensor.shape), spec)


def _typed(tensor: ModelInferRequest.InferInputTensor, spec: TensorSpec) -> Array:
    if spec.datatype not in FIELDS:
        raise BadRequest(f"input {spec.name}: {spec.datatype} has no field in contents; send it raw")
    values: list[Any] = list(getattr(tensor.contents, FIELDS[spec.datatype]))
    shape = tuple(tensor.shape)
    if len(values) != math.prod(shape):
        raise BadRequest(f"input {spec.name}: shape {list(shape)} does not match {len(values)} elements")
    if spec.datatype is Datatype.BYTES:
        values = [binary_tensors.text(value, spec) for value in values]
    array = tensors.from_values(values, shape, spec)
    tensors.check_finite(array, spec)
    return array


def requested_outputs(request: ModelInferRequest, metadata: Metadata) -> list[RequestedOutput]:
    """The outputs that the answer shall hold; raises `BadRequest` for those that do not exist."""
    if not request.outputs:
        return [RequestedOutput(spec.name) for spec in metadata.outputs]
    requested = [RequestedOutput(output.name, classes=_classes(output.parameters)) for output in request.outputs]
    check_outputs(requested, metadata)
    return requested


def _classes(parameters: Mapping[str, InferParameter]) -> int:
    """https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md#grpc"""
    if "classification" not in parameters:
        return 0
    count = parameters["classification"].int64_param
    if count < 1:
        raise BadRequest("parameter classification must be an int64_param of at least 1")
    return count


def answer(
    request: ModelInferRequest, requested: list[RequestedOutput], outputs: Arrays, metadata: Metadata
) -> ModelInferResponse:
    """The response, its elements as the request's: raw, or in typed fields where every datatype has one."""
    response = ModelInferResponse(model_name=metadata.name, model_version=metadata.version, id=request.id)
    formed = [_form(output, outputs, metadata) for output in requested]
    is_raw = len(request.raw_input_contents) > 0 or any(datatype not in FIELDS for datatype, _ in formed)
    for output, (datatype, array) in zip(requested, formed, strict=True):
        tensor = response.outputs.add(name=output.name, datatype=datatype, shape=array.shape)
        if is_raw:
            response.raw_output_contents.append(binary_tensors.encode(array))
        else:
            getattr(tensor.contents, FIELDS[datatype]).extend(_elements(array))
    return response


def _form(output: RequestedOutput, outputs: Arrays, metadata: Metadata) -> tuple[Datatype, Array]:
    array = outputs[output.name]
    if output.classes:
        return Datatype.BYTES, likeliest(array, output.classes, labels_of(output, metadata))
    return next(spec.datatype for spec in metadata.outputs if spec.name == output.name), array


def _elements(array: Array) -> list[Any]:
    values: list[Any] = array.reshape(-1).tolist()
    return [value.encode() for value in values] if array.dtype.kind == "O" else values
