"""Tensors and a description of each, as the Open Inference Protocol lists them: what servers tell each other.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from inference_app.protocols import binary_tensors
from inference_app.tensors import Array, Arrays, TensorSpec


def write(arrays: Arrays, specs: Iterable[TensorSpec]) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The arrays of those names described, and their bytes, in the order of `specs`."""
    described: list[dict[str, Any]] = []
    data: list[bytes] = []
    for spec in specs:
        array = arrays[spec.name]
        content = binary_tensors.encode(array)
        described.append(
            {
                "name": spec.name,
                "datatype": spec.datatype,
                "shape": array.shape,
                "parameters": {"binary_data_size": len(content)},
            }
        )
        data.append(content)
    return described, data


def read(
    described: Iterable[Mapping[str, Any]], body: bytes, start: int, specs: Mapping[str, TensorSpec], rows: int
) -> Arrays:
    """The arrays of `specs`, in their order: views of `body`, where the described tensors lie from `start` on.

    Raises `BadRequest`, `ValueError`, `KeyError` or `TypeError` unless it holds `rows` examples of each of `specs`.
    """
    found: Arrays = {}
    for tensor in described:
        size = int(tensor["parameters"]["binary_data_size"])
        if spec := specs.get(tensor["name"]):
            found[spec.name] = _array(tensor, body, start, size, spec, rows)
        start += size
    return {name: found[name] for name in specs}


def lenient(specs: Iterable[TensorSpec]) -> dict[str, TensorSpec]:
    """The specs by name, of numbers that may be none: as the model gave them, whatever protocols make of that."""
    return {
        spec.name: TensorSpec(
            name=spec.name, datatype=spec.datatype, shape=spec.shape, allow_nan=spec.datatype.startswith("FP")
        )
        for spec in specs
    }


def _array(tensor: Mapping[str, Any], body: bytes, start: int, size: int, spec: TensorSpec, rows: int) -> Array:
    shape = cast("list[int]", tensor["shape"])
    if tensor["datatype"] != spec.datatype or not spec.accepts(shape) or shape[0] != rows:
        raise ValueError(
            f"output {spec.name} is {tensor['datatype']} of shape {shape}, expected {spec.datatype} of shape "
            f"{[rows, *spec.shape[1:]]}"
        )
    return binary_tensors.decode(body, start, size, shape, spec)
