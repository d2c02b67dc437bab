"""The weights that matter least become zero, and the others learn to do without them.

Magnitude pruning of each layer by itself (https://arxiv.org/abs/1506.02626), in one step.
"""

import dataclasses

import keras
import numpy as np
from keras import ops

from inference_app.training.dataset.examples import DataSet
from inference_app.training.network import TrainingSettings, compiled, fit

FINE_TUNING_RATE = 0.1
"""Of the first training's learning rate."""


class KeepZeros(keras.constraints.Constraint):
    """Holds pruned weights at zero; optimisers apply it after every step."""

    def __init__(self, mask: np.ndarray) -> None:
        self._mask = ops.convert_to_tensor(mask)

    def __call__(self, w: keras.KerasTensor) -> keras.KerasTensor:
        return w * self._mask


def prune(model: keras.Model, data: DataSet, settings: TrainingSettings, sparsity: float) -> None:
    """Zero a `sparsity` share of each kernel, and train `settings.epochs` more with those zeros kept."""
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    for kernel in kernels:
        mask = keep(kernel.numpy(), sparsity)
        kernel.assign(kernel * mask)
        kernel.constraint = KeepZeros(mask)
    keras.utils.set_random_seed(settings.seed)
    slower = dataclasses.replace(settings, learning_rate=settings.learning_rate * FINE_TUNING_RATE)
    compiled(model, data.train, slower)
    fit(model, data, slower, [])
    for kernel in kernels:
        kernel.constraint = None


def keep(weights: np.ndarray, sparsity: float) -> np.ndarray:
    """1 for the weights that stay, 0 for a `sparsity` share of the smallest, in the weights' shape and type."""
    mask = np.ones(weights.size, weights.dtype)
    smallest = np.argsort(np.abs(weights), axis=None, kind="stable")
    mask[smallest[: round(sparsity * weights.size)]] = 0
    return mask.reshape(weights.shape)
