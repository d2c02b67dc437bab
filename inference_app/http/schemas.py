"""JSON Schemas of request bodies, and examples of them, from what the served models declare."""

from functools import reduce
from typing import Any

import numpy as np

from inference_app.preprocessing.declarations import ImagePreprocessing
from inference_app.repository import Metadata
from inference_app.tensors import Datatype, TensorSpec

Schema = dict[str, Any]

MOST_EXAMPLE_NUMBERS = 1024
"""A larger example helps nobody to read the page."""


def takes_numbers(metadata: Metadata) -> bool:
    """Whether JSON for this model is its inputs' numbers, not columns, texts or whatever a hook reads."""
    declared = metadata.preprocessing
    return metadata.hook_sha256 is None and (declared is None or isinstance(declared, ImagePreprocessing))


def predict(metadata: Metadata, most: int) -> Schema:
    """`/predict`'s JSON: one example or up to `most`, bare or below `inputs`; by input name where there are several."""
    if not takes_numbers(metadata):
        return {}
    values = _values(metadata.inputs, most)
    return {"anyOf": [*values, _object({"inputs": {"anyOf": values}})]}


def predict_example(metadata: Metadata) -> Any:
    """Zeros that `/predict` answers; None where they are too many or the model takes no numbers."""
    if not takes_numbers(metadata) or _count(metadata) > MOST_EXAMPLE_NUMBERS:
        return None
    zeros = {spec.name: np.zeros(_one(spec), _dtype(spec)).tolist() for spec in metadata.inputs}
    return {"inputs": zeros if len(zeros) > 1 else zeros[metadata.inputs[0].name]}


def infer(metadata: Metadata) -> Schema:
    """The Open Inference Protocol's request for one example."""
    tensors = {"prefixItems": [_tensor(spec) for spec in metadata.inputs], **_length(len(metadata.inputs))}
    names = [spec.name for spec in metadata.outputs]
    output: Schema = {"type": "object", "required": ["name"], "properties": {"name": {"enum": names}}}
    outputs = _array_of(output, 0, len(names)) | {"uniqueItems": True, "type": ["array", "null"]}
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {"id": {"type": ["string", "null"]}, "inputs": {"type": "array", **tensors}, "outputs": outputs},
    }


def infer_example(metadata: Metadata) -> Any:
    """Zeros that the Open Inference Protocol's paths answer; None where they are too many."""
    if _count(metadata) > MOST_EXAMPLE_NUMBERS:
        return None
    return {"inputs": [_tensor_example(spec) for spec in metadata.inputs]}


def element(datatype: Datatype) -> Schema:
    """One number, truth value or text."""
    if datatype is Datatype.BYTES:
        return {"type": "string"}
    if datatype is Datatype.BOOL:
        return {"type": "boolean"}
    if datatype.dtype.kind == "f":
        largest = float(np.finfo(datatype.dtype).max)
        return {"type": "number", "minimum": -largest, "maximum": largest}
    limits = np.iinfo(datatype.dtype)
    return {"type": "integer", "minimum": int(limits.min), "maximum": int(limits.max)}


def _values(specs: tuple[TensorSpec, ...], most: int) -> list[Schema]:
    batches = {spec.name: _array_of(_example(spec), 1, most) for spec in specs}
    if len(specs) == 1:
        return [_example(specs[0]), batches[specs[0].name]]
    # Each input may hold as many examples as it likes to a schema, but not to a model: one is true for both.
    return [_object({spec.name: _array_of(_example(spec), 1, 1) for spec in specs})]


def _example(spec: TensorSpec) -> Schema:
    sizes = reversed(spec.shape[1:])
    return reduce(lambda item, size: _array_of(item, max(size, 1), max(size, 1)), sizes, element(spec.datatype))


def _array_of(item: Schema, least: int, most: int) -> Schema:
    return {"type": "array", "items": item, "minItems": least, "maxItems": most}


def _object(properties: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _tensor(spec: TensorSpec) -> Schema:
    count = int(np.prod(_one(spec)))
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": spec.name},
            "shape": {"const": list(_one(spec)), "description": "Here of one example; the first size may be larger."},
            "datatype": {"const": spec.datatype},
            "data": {
                **_array_of(element(spec.datatype), count, count),
                "description": "Flat, row-major; nested lists are taken as well.",
            },
        },
    }


def _tensor_example(spec: TensorSpec) -> dict[str, Any]:
    shape = _one(spec)
    data = np.zeros(int(np.prod(shape)), _dtype(spec)).tolist()
    return {"name": spec.name, "shape": list(shape), "datatype": spec.datatype, "data": data}


def _length(count: int) -> Schema:
    return {"minItems": count, "maxItems": count}


def _one(spec: TensorSpec) -> tuple[int, ...]:
    return (1, *(max(size, 1) for size in spec.shape[1:]))


def _count(metadata: Metadata) -> int:
    return sum(int(np.prod(_one(spec))) for spec in metadata.inputs)


def _dtype(spec: TensorSpec) -> Any:
    return np.dtype(str) if spec.datatype is Datatype.BYTES else spec.datatype.dtype
