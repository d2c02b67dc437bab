"""JSON numbers into the model's inputs."""

from itertools import chain
from typing import cast

import numpy as np

from inference_app import tensors
from inference_app.errors import BadRequest
from inference_app.preprocessing.declarations import FeaturePreprocessing
from inference_app.preprocessing.features import Features
from inference_app.protocols import json_body
from inference_app.protocols.packing import NOTHING_ELSE, NUMBERS, Packer
from inference_app.repository import Metadata
from inference_app.tensors import Array, Arrays, TensorSpec


class NumberReader:
    """Reads `{"inputs": ...}` or the bare value: a nested list with one example or several, or one per input name.

    Numbers are the model's own input. For a model with declared columns they are one value per column, or records by
    column name, and are scaled here.
    """

    def __init__(self, metadata: Metadata) -> None:
        self._specs = metadata.inputs
        self._spec, *others = self._specs
        declaration = metadata.preprocessing
        self._features = Features(declaration) if isinstance(declaration, FeaturePreprocessing) else None
        has_short_way = not others and self._spec.dtype.kind == "f"
        self._packer = Packer(self._spec, self._features) if has_short_way else None

    def read(self, body: bytes) -> Arrays:
        """The inputs in a JSON body; raises `BadRequest`."""
        document: object = json_body.loads(body)
        if self._packer is not None and body.translate(None, NUMBERS) in NOTHING_ELSE:
            value = _lists(document)
            array = None if value is None else self._packer.pack(value)
            if array is not None:
                return {self._spec.name: array}
        return self.from_value(unwrap(document))

    def from_value(self, value: object) -> Arrays:
        """The inputs in a parsed JSON value without its `inputs` around it; raises `BadRequest`."""
        if self._features is not None:
            return {self._spec.name: self._table(self._features.vectors(value), self._features)}
        named = self._by_name(value)
        tensors.check_names(named, self._specs)
        arrays = {spec.name: _array(named[spec.name], spec) for spec in self._specs}
        tensors.check(arrays, self._specs)
        return arrays

    def _by_name(self, value: object) -> dict[str, object]:
        if isinstance(value, dict):
            return cast("dict[str, object]", value)
        if len(self._specs) > 1:
            raise BadRequest(f"inputs must be an object with {', '.join(spec.name for spec in self._specs)}")
        return {self._spec.name: value}

    def _table(self, vectors: object, features: Features) -> Array:
        if self._packer is not None and _holds_numbers(vectors):
            array = self._packer.pack(vectors)
            if array is not None:
                return array
        spec = self._spec
        array = _array(vectors, spec)
        tensors.check({spec.name: array}, self._specs)
        with np.errstate(over="ignore"):
            scaled = features.scale(array.astype(np.float64))
        if (np.abs(scaled) > np.finfo(spec.dtype).max).any():
            raise BadRequest(f"input {spec.name}: a scaled number lies outside {spec.datatype}")
        return scaled.astype(spec.dtype)


def _lists(document: object) -> object:
    """The value in `{"inputs": value}`, or the document itself; None where it has another key, with digits in it."""
    return cast("dict[str, object]", document).get("inputs") if type(document) is dict else document


def unwrap(document: object) -> object:
    """The value in `{"inputs": value}`, or the document itself where it is none; raises `BadRequest` for other keys."""
    if type(document) is not dict:
        return document
    content = cast("dict[str, object]", document)
    if len(content) != 1 or "inputs" not in content:
        raise BadRequest('the body must be an array or {"inputs": array}')
    return content["inputs"]


def _holds_numbers(value: object) -> bool:
    """Whether the value is a list of lists of numbers."""
    if type(value) is not list or set(map(type, cast("list[object]", value))) != {list}:
        return False
    return set(map(type, chain.from_iterable(cast("list[list[object]]", value)))) <= {int, float}


def _array(value: object, spec: TensorSpec) -> Array:
    try:
        return tensors.with_batch_axis(tensors.from_json(value, spec), spec)
    except ValueError:  # NumPy stops at 64 dimensions
        raise BadRequest(f"input {spec.name}: expected shape {list(spec.shape)}, got lists nested far deeper") from None
