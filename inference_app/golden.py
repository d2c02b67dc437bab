"""A model's golden inference: an input, and the output that the training framework computed for it."""

import json
from typing import NamedTuple

import numpy as np

from inference_app import tensors
from inference_app.errors import BadRequest, ModelUnusable
from inference_app.repository import ModelVersion
from inference_app.tensors import Array, Arrays, TensorSpec


class Golden(NamedTuple):
    """Inputs, outputs, and how far a number may be off."""

    inputs: Arrays
    outputs: Arrays
    tolerance: float

    def example(self, size: int) -> Arrays:
        """The first golden example `size` times."""
        return {name: np.repeat(array[:1], size, axis=0) for name, array in self.inputs.items()}

    def check(self, outputs: Arrays) -> None:
        """Raise `ModelUnusable` unless `outputs` are the golden ones, numbers within the tolerance."""
        for name, expected in self.outputs.items():
            _compare(name, outputs[name], expected, self.tolerance)


def read(version: ModelVersion) -> Golden:
    """A version's golden inference; raises `ModelUnusable` where the file is missing or does not fit the model."""
    declared = version.metadata.golden
    path = version.directory / declared.file
    try:
        content = json.loads(path.read_bytes())
        inputs = _arrays(content["inputs"], version.metadata.inputs)
        return Golden(inputs, _arrays(content["outputs"], version.metadata.outputs), declared.tolerance)
    except (OSError, ValueError, KeyError, TypeError, BadRequest) as error:
        raise ModelUnusable(f"{path} is no golden input and output of this model: {error}") from error


def _arrays(values: dict[str, object], specs: tuple[TensorSpec, ...]) -> Arrays:
    arrays = {spec.name: tensors.from_json(values[spec.name], spec) for spec in specs}
    tensors.check(arrays, specs)
    return arrays


def _compare(name: str, actual: Array, expected: Array, tolerance: float) -> None:
    if actual.shape != expected.shape:
        raise ModelUnusable(f"golden output {name} has shape {expected.shape}, the model gave {actual.shape}")
    if expected.dtype.kind == "O":
        if (actual != expected).any():
            raise ModelUnusable(f"golden output {name} differs")
        return
    difference = float(np.abs(actual.astype(np.float64) - expected.astype(np.float64)).max())
    if not difference <= tolerance:  # NaN is never within
        raise ModelUnusable(f"golden output {name} differs by {difference:.2g}, more than {tolerance:g}")
