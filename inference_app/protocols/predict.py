"""`POST /predict`: a JSON array or an image in, labelled predictions out."""

from typing import Any, cast

import numpy as np

from inference_app import tensors
from inference_app.errors import BadRequest, UnsupportedMediaType
from inference_app.protocols import images, json_body
from inference_app.repository import Metadata
from inference_app.tensors import Array, Arrays, TensorSpec

JSON = "application/json"
TOP_K = 3
"""How many of the likeliest labels each prediction lists."""


def parse(body: bytes, content_type: str, metadata: Metadata) -> Arrays:
    """The model's inputs, batch axis first.

    JSON is `{"inputs": ...}` or the bare value: a nested list with one example or several, or one such list per
    input name. Its numbers are the model's own input; preprocessing applies to images only.
    Raises `BadRequest`, `UnsupportedMediaType` or `TooLarge`.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in images.FORMATS:
        return _parse_image(body, media_type, metadata)
    if media_type != JSON:
        accepted = ", ".join([JSON, *images.FORMATS])
        raise UnsupportedMediaType(f"Content-Type must be one of {accepted}, got {media_type or 'none'}")
    return _parse_json(body, metadata)


def _parse_image(body: bytes, media_type: str, metadata: Metadata) -> Arrays:
    if metadata.preprocessing is None:
        raise UnsupportedMediaType(f"model {metadata.name} takes no images; send {JSON}")
    spec = metadata.inputs[0]
    return {spec.name: images.to_input(body, media_type, metadata.preprocessing, spec)}


def _parse_json(body: bytes, metadata: Metadata) -> Arrays:
    value: object = json_body.loads(body)
    if isinstance(value, dict):
        document = cast("dict[str, object]", value)
        if document.keys() != {"inputs"}:
            raise BadRequest('the body must be an array or {"inputs": array}')
        value = document["inputs"]
    inputs = _by_name(value, metadata)
    tensors.check_names(inputs, metadata.inputs)
    arrays = {spec.name: _array(inputs[spec.name], spec) for spec in metadata.inputs}
    tensors.check(arrays, metadata.inputs)
    return arrays


def _array(value: object, spec: TensorSpec) -> Array:
    return tensors.with_batch_axis(tensors.from_json(value, spec), spec)


def _by_name(value: object, metadata: Metadata) -> dict[str, object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    only, *others = metadata.inputs
    if others:
        raise BadRequest(f"inputs must be an object with {', '.join(spec.name for spec in metadata.inputs)}")
    return {only.name: value}


def render(outputs: Arrays, metadata: Metadata) -> bytes:
    """The answer as JSON; a model without labels gets its raw outputs, one object per example."""
    answer = {"model": metadata.name, "version": metadata.version, "predictions": _predictions(outputs, metadata)}
    return json_body.dumps(answer)


def _predictions(outputs: Arrays, metadata: Metadata) -> list[dict[str, Any]]:
    if metadata.labels is None:
        count = tensors.rows(outputs)
        return [{name: array[row] for name, array in outputs.items()} for row in range(count)]
    scores = outputs[metadata.outputs[0].name]
    order = np.argsort(-scores, axis=1, kind="stable")[:, :TOP_K]
    return [_prediction(row, best.tolist(), metadata.labels) for row, best in zip(scores, order, strict=True)]


def _prediction(scores: Array, best: list[int], labels: tuple[str, ...]) -> dict[str, Any]:
    top = [{"label": labels[index], "confidence": scores[index]} for index in best]
    return {**top[0], "top_k": top}
