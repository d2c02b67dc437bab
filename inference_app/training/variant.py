"""What can be made of a trained network."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference_app.training.runtimes import Predict


class Kind(StrEnum):
    """Of variant."""

    FLOAT = "float"
    """ONNX as `export` wrote it."""
    DYNAMIC = "dynamic"
    """ONNX with weights in 8 bits, and activations whose ranges are found for each request."""
    STATIC = "static"
    """ONNX with weights and activations in 8 bits, ranges from images of the train part."""
    PRUNED = "pruned"
    """ONNX with the smallest weights zero."""
    LITERT = "litert"
    """LiteRT as `export` wrote it."""
    LITERT_INT8 = "litert-int8"
    """LiteRT with every operation in 8 bits."""

    @property
    def is_servable(self) -> bool:
        """Whether the model server runs it; LiteRT is for devices."""
        return self not in (Kind.LITERT, Kind.LITERT_INT8)

    @property
    def file(self) -> str:
        """Its name in a run's folder."""
        return f"{self}.onnx" if self.is_servable else f"{self}.tflite"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a Keras network says to the held-out images and to the golden ones: float32 [n, k] each."""

    held_out: NDArray[np.float32]
    golden: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A file, what runs it, and the answers of the Keras network that it was made of."""

    kind: Kind
    path: Path
    predict: Predict
    answers: Answers
