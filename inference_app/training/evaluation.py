"""How good a model is, and what it must prove before it is written. Numpy alone, so any environment tests it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference_app.training.errors import RefusedModelError

TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Counts by true (row) and predicted (column) label, int64 [k, k]."""

    confusion: NDArray[np.int64]

    @property
    def examples(self) -> int:
        """How many examples were judged."""
        return int(self.confusion.sum())

    @property
    def right(self) -> int:
        """How many answers were right."""
        return int(self.confusion.trace())

    @property
    def accuracy(self) -> float:
        """The share of right answers, 0 to 1."""
        return self.right / self.examples

    @property
    def precision(self) -> NDArray[np.float64]:
        """Of the answers with each label, the share that is right; 0 where there is none: float64 [k]."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=0))

    @property
    def recall(self) -> NDArray[np.float64]:
        """Of the examples of each label, the share that is found: float64 [k]."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def f1(self) -> NDArray[np.float64]:
        """The harmonic mean of precision and recall: float64 [k]."""
        return _shares(2 * self.confusion.diagonal(), self.confusion.sum(axis=0) + self.confusion.sum(axis=1))

    @property
    def macro_f1(self) -> float:
        """The mean of `f1`, in which every label weighs the same."""
        return float(self.f1.mean())


def evaluate(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> Evaluation:
    """Compares `labels` [n], each from 0 to k - 1, with `probabilities` [n, k]."""
    classes = probabilities.shape[1]
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    return Evaluation(confusion=confusion)


def check_accuracy(evaluation: Evaluation, minimum: float | None) -> None:
    """Raises `RefusedModelError` under `minimum`; without one, where always the most frequent label does as well."""
    blind = int(evaluation.confusion.sum(axis=1).max()) / evaluation.examples
    if minimum is None and evaluation.accuracy <= blind:
        raise RefusedModelError(
            f"held-out accuracy must be above {blind:.2%}, which the most frequent label as the only answer has, got "
            f"{evaluation.accuracy:.2%}; train longer, or on more images"
        )
    if minimum is not None and evaluation.accuracy < minimum:
        raise RefusedModelError(f"held-out accuracy must be at least {minimum:.2%}, got {evaluation.accuracy:.2%}")


def difference(answers: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The largest absolute difference; raises `RefusedModelError` for other shapes."""
    if answers.shape != expected.shape:
        raise RefusedModelError(f"answers must have the shape {expected.shape}, got {answers.shape}")
    return float(np.abs(answers - expected).max())


def check_agreement(what: str, answers: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Returns the largest difference from `expected`, Keras's; raises `RefusedModelError` over `TOLERANCE`."""
    found = difference(answers, expected)
    if not found <= TOLERANCE:  # a NaN is over every limit
        raise RefusedModelError(f"{what} and Keras must agree within {TOLERANCE:g}, got {found:.2g}")
    return found


def _shares(counts: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float64]:
    return counts / np.maximum(of, 1)
