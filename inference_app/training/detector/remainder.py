"""The detector: how much of an input lies where the training images have next to nothing.

A perturbation that follows the model's gradient knows nothing of how images vary, and so lies mostly in the directions
in which they hardly do: Hendrycks and Gimpel, https://arxiv.org/abs/1608.00530. The score is the reconstruction error
of Meng and Chen, https://arxiv.org/abs/1705.09064, with the linear autoencoder that principal components are.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from inference_app.training.errors import TrainingError

SCORE = "score"
OPSET = 15
"""Of the models that stand beside it, so that the same runtimes load both."""

KEPT_SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
MOST_VALUES = 4096
"""Of one input, up to which a square matrix of them is a small thing (64 MB)."""

_NOTHING = 1e-9
"""A variance under this share of the largest one is rounding."""


@dataclass(frozen=True, kw_only=True)
class Remainder:
    """A mean, float32 [d], and orthonormal rows, float32 [r, d], that span what training images have least of.

    `kept` components explain the rest. The score is the mean absolute value of an input's part along `rest`.
    """

    mean: NDArray[np.float32]
    rest: NDArray[np.float32]
    kept: int

    def scores(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores, float32 [n], of inputs, float32 [n, ...]."""
        centred = inputs.reshape(len(inputs), -1) - self.mean
        return np.abs((centred @ self.rest.T) @ self.rest).mean(axis=1)

    def without(self, changes: NDArray[np.float32]) -> NDArray[np.float32]:
        """The part of `changes`, float32 [n, d], that no score sees."""
        return changes - (changes @ self.rest.T) @ self.rest


def candidates(inputs: NDArray[np.float32]) -> Iterator[Remainder]:
    """Detectors of training inputs, float32 [n, ...], that keep more and more components.

    Raises `TrainingError` for inputs of more than `MOST_VALUES` values.
    """
    flat = inputs.reshape(len(inputs), -1).astype(np.float64)
    if flat.shape[1] > MOST_VALUES:
        raise TrainingError(
            f"inputs must have at most {MOST_VALUES:,} values, got {flat.shape[1]:,}; train on smaller images, as "
            "with `data --size`"
        )
    mean = flat.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(flat - mean, rowvar=False))
    rank = int((variances > _NOTHING * variances[-1]).sum())
    for kept in sorted({max(1, round(share * rank)) for share in KEPT_SHARES}):
        rest = directions[:, : len(mean) - kept].T
        yield Remainder(mean=mean.astype(np.float32), rest=np.ascontiguousarray(rest, np.float32), kept=kept)


def threshold(scores: NDArray[np.float32], false_positives: float) -> float:
    """The score that a new clean input exceeds with a probability of at most `false_positives`.

    The rank is that of split conformal prediction (https://arxiv.org/abs/2107.07511, section 1). Raises `TrainingError`
    where there are too few scores for it.
    """
    rank = math.ceil((len(scores) + 1) * (1 - false_positives))
    if rank > len(scores):
        raise TrainingError(
            f"{math.ceil(1 / false_positives) - 1} validation images are needed for {false_positives:.2%} false "
            f"positives, got {len(scores)}; bring more images, or give a larger --false-positives"
        )
    # A little more, since another processor sums in another order.
    return float(np.sort(scores)[rank - 1]) * (1 + 1e-4)


def write_onnx(detector: Remainder, name: str, shape: tuple[int, ...], path: Path) -> None:
    """Write the detector of the model input `name`, float32 [n, *shape]; raises `OSError`."""
    constants = {"mean": detector.mean, "rest": detector.rest, "rest_transposed": detector.rest.T}
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", [name], ["flat"], axis=1),
            helper.make_node("Sub", ["flat", "mean"], ["centred"]),
            helper.make_node("MatMul", ["centred", "rest_transposed"], ["along"]),
            helper.make_node("MatMul", ["along", "rest"], ["remainder"]),
            helper.make_node("Abs", ["remainder"], ["magnitudes"]),
            helper.make_node("ReduceMean", ["magnitudes"], [SCORE], axes=[1], keepdims=0),
        ],
        "remainder",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info(SCORE, TensorProto.FLOAT, ["batch"])],
        [numpy_helper.from_array(np.ascontiguousarray(value), key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
