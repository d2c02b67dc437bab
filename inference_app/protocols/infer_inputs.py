"""The input tensors of an Open Inference Protocol request over HTTP, from JSON and from the bytes behind it."""

import math
import reprlib
from typing import Any, NamedTuple, TypeAlias, cast

from inference_app import tensors
from inference_app.errors import BadRequest
from inference_app.protocols import binary_tensors, json_fields
from inference_app.tensors import Array, Arrays, Datatype, TensorSpec


class BinaryInput(NamedTuple):
    """An input whose elements follow the JSON, in `size` bytes."""

    spec: TensorSpec
    shape: tuple[int, ...]
    size: int


Described: TypeAlias = dict[str, Array | BinaryInput]
"""Inputs by name, in the request's order, in which the bytes of binary ones follow each other."""


class InferInputs:
    """Reads the inputs of one model; each step raises `BadRequest` naming what was expected and what came."""

    def __init__(self, specs: tuple[TensorSpec, ...]) -> None:
        self._specs = specs
        self._by_name = {spec.name: spec for spec in specs}

    def describe(self, given: list[Any], *, with_binary: bool) -> Described:
        """What the JSON says; `with_binary` allows that bytes follow it."""
        described: Described = {}
        for item in given:
            tensor = json_fields.an_object(item, "an input")
            name = tensor.get("name")
            spec = self._by_name.get(name) if type(name) is str else None
            if spec is None:
                raise BadRequest(f"unknown input {_shown(name)}; the model takes {', '.join(self._by_name)}")
            if spec.name in described:
                raise BadRequest(f"input {spec.name} is given twice")
            described[spec.name] = found = _describe(tensor, spec)
            if type(found) is BinaryInput and not with_binary:
                raise BadRequest(f"input {spec.name}: binary data needs the header Inference-Header-Content-Length")
        return described

    def fill(self, described: Described, body: bytes, start: int) -> Arrays:
        """The model's inputs; binary ones are in `body` from `start` to its end."""
        arrays: Arrays = {}
        for name, found in described.items():
            if type(found) is BinaryInput:
                arrays[name] = binary_tensors.decode(body, start, found.size, found.shape, found.spec)
                start += found.size
            else:
                arrays[name] = cast("Array", found)
        if start != len(body):
            raise BadRequest(f"{len(body) - start} bytes follow the last input")
        return self.order(arrays)

    def order(self, arrays: Arrays) -> Arrays:
        """The model's inputs, in the model's order."""
        if len(self._specs) == 1 == len(arrays):
            return arrays
        tensors.check(arrays, self._specs)
        return {spec.name: arrays[spec.name] for spec in self._specs}

    def read_raw(self, body: bytes) -> Arrays:
        """One example of the model's only input, as nothing but bytes."""
        spec, *others = self._specs
        if others:
            raise BadRequest("a body without JSON is for models with one input")
        return {spec.name: binary_tensors.decode(body, 0, len(body), _raw_shape(len(body), spec), spec)}


def _describe(tensor: dict[str, Any], spec: TensorSpec) -> Array | BinaryInput:
    if tensor.get("datatype") != spec.datatype:
        raise BadRequest(f"input {spec.name}: expected datatype {spec.datatype}, got {_shown(tensor.get('datatype'))}")
    shape: Any = tensor.get("shape")
    if shape.__class__ is not list or not spec.accepts(shape):
        raise BadRequest(f"input {spec.name}: expected shape {list(spec.shape)}, got {_shown(shape)}")
    size = json_fields.count(json_fields.parameters(tensor), "binary_data_size") if "parameters" in tensor else None
    if size is not None:
        return BinaryInput(spec, tuple(shape), size)
    return _from_json(tensor, tuple(shape), spec)


def _from_json(tensor: dict[str, Any], shape: tuple[int, ...], spec: TensorSpec) -> Array:
    if "data" not in tensor:
        raise BadRequest(f"input {spec.name} has no data")
    flat, given = tensors.flatten(tensor["data"], spec)
    if given not in (shape, (math.prod(shape),)):
        message = f"shape {list(shape)} does not match data of shape {_shown(list(given))}"
        raise BadRequest(f"input {spec.name}: {message}")
    return tensors.from_values(flat, shape, spec)


def _raw_shape(size: int, spec: TensorSpec) -> tuple[int, ...]:
    """The shape of one example of `size` bytes, of which at most one size may be open."""
    shape = (1, *spec.shape[1:])
    if shape.count(-1) > 1 or (spec.datatype is Datatype.BYTES and math.prod(shape) != 1):
        raise BadRequest(f"input {spec.name}: shape {list(spec.shape)} cannot be told from a number of bytes")
    if -1 not in shape:
        return shape
    step = -math.prod(shape) * spec.dtype.itemsize
    return tuple(size // step if wanted == -1 else wanted for wanted in shape)


def _shown(value: object) -> str:
    """What a client sent, shortened."""
    return f"{value:.60}" if isinstance(value, str) else reprlib.repr(value)
