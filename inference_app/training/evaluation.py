"""What a model must prove before it is written. Numpy and ONNX Runtime only, so the server's environment tests it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

MINIMUM_ACCURACY = 0.97
TOLERANCE = 1e-4


class RefusedModelError(Exception):
    """A model misses a limit; the message is one line with the limit and the value."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracy from 0 to 1, and counts by true (row) and predicted (column) label, int64 [k, k]."""

    accuracy: float
    confusion: NDArray[np.int64]

    @property
    def examples(self) -> int:
        """How many examples were judged."""
        return int(self.confusion.sum())


def evaluate(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> Evaluation:
    """Compares `labels` [n], each from 0 to k - 1, with `probabilities` [n, k].

    Raises `RefusedModelError` when the share of right answers is under `MINIMUM_ACCURACY`.
    """
    classes = probabilities.shape[1]
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    accuracy = float(confusion.trace() / len(labels))
    if accuracy < MINIMUM_ACCURACY:
        raise RefusedModelError(f"held-out accuracy must be at least {MINIMUM_ACCURACY:.0%}, got {accuracy:.2%}")
    return Evaluation(accuracy=accuracy, confusion=confusion)


def check_agreement(model: Path, inputs: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Returns the largest absolute difference between what ONNX Runtime answers to `inputs` and `expected`.

    Raises `RefusedModelError` when it is over `TOLERANCE`.
    """
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {session.get_inputs()[0].name: inputs})
    difference = float(np.abs(np.asarray(answers) - expected).max())
    if not difference <= TOLERANCE:  # a NaN is over every limit
        raise RefusedModelError(f"ONNX Runtime and Keras must agree within {TOLERANCE:g}, got {difference:.2g}")
    return difference
