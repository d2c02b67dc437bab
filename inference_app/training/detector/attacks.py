"""Inputs that a model should not judge: made against it, and made of nothing it knows.

All stay within what pixels can be, and on the steps of 8 bits, as an image that is sent does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from inference_app.preprocessing.declarations import ImagePreprocessing
from inference_app.training.dataset.examples import Examples

BATCH = 256
STEP = 2.5
"""Each step is this part of the whole way, divided by their number."""
LEVELS = 255

Limit = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""What of changes an attacker keeps."""


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """What black and white pixels are as model input, float32 by channel."""

    black: NDArray[np.float32]
    white: NDArray[np.float32]

    @property
    def low(self) -> NDArray[np.float32]:
        """The smaller end."""
        return np.minimum(self.black, self.white)

    @property
    def high(self) -> NDArray[np.float32]:
        """The larger end."""
        return np.maximum(self.black, self.white)

    def rounded(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The nearest inputs that an image gives."""
        span = self.white - self.black
        levels = np.round(np.clip((inputs - self.black) / span, 0, 1) * LEVELS)
        return (self.black + levels / LEVELS * span).astype(np.float32)


def pixels(declaration: ImagePreprocessing) -> Pixels:
    """What preprocessing makes of the ends of the scale."""
    mean = np.array(declaration.mean or (0,) * declaration.channels)
    std = np.array(declaration.std or (1,) * declaration.channels)
    ends = [(value * declaration.scale + declaration.offset - mean) / std for value in (0, LEVELS)]
    return Pixels(black=ends[0].astype(np.float32), white=ends[1].astype(np.float32))


class Attacker:
    """Knows a model and its gradients; a change of a pixel is at most `epsilon`, on a scale from 0 to 1."""

    steps = 40

    def __init__(self, model: keras.Model, pixels: Pixels, epsilon: float) -> None:
        self._model, self._pixels = model, pixels
        self._most = epsilon * (pixels.high - pixels.low)
        self._step = tf.function(self._gradient_sign, reduce_retracing=True)

    def fgsm(self, examples: Examples) -> NDArray[np.float32]:
        """One step along the gradient's signs (Goodfellow, Shlens and Szegedy, https://arxiv.org/abs/1412.6572)."""
        return self._in_batches(examples, lambda inputs, labels: inputs + self._most * self._signs(inputs, labels))

    def pgd(self, examples: Examples) -> NDArray[np.float32]:
        """Many small steps from a random start (Madry and others, https://arxiv.org/abs/1706.06083)."""
        return self._in_batches(examples, lambda inputs, labels: self._climb(inputs, labels, self._clipped))

    def informed(self, examples: Examples, limit: Limit) -> NDArray[np.float32]:
        """The same by somebody who knows the detector, and changes an input only as `limit` lets pass."""

        def within(change: NDArray[np.float32]) -> NDArray[np.float32]:
            return self._scaled(limit(change.reshape(len(change), -1)).reshape(change.shape))

        return self._in_batches(examples, lambda inputs, labels: self._climb(inputs, labels, within))

    def _climb(self, inputs: NDArray[np.float32], labels: NDArray[np.int64], within: Limit) -> NDArray[np.float32]:
        start = np.random.default_rng(0).uniform(-1, 1, inputs.shape).astype(np.float32) * self._most
        change = within(start)
        for _ in range(self.steps):
            reached = np.clip(inputs + change, self._pixels.low, self._pixels.high)
            step = self._most * self._signs(reached, labels) * (STEP / self.steps)
            change = within(reached - inputs + step)
        return inputs + change

    def _clipped(self, change: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.clip(change, -self._most, self._most)

    def _scaled(self, change: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each example's change made smaller as a whole, so that it stays what a limit let pass."""
        largest = np.abs(change / self._most).max(axis=(1, 2, 3), keepdims=True)
        return change / np.maximum(largest, 1)

    def _in_batches(
        self, examples: Examples, attack: Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        made = [attack(examples.inputs[rows], examples.labels[rows]) for rows in _batches(len(examples))]
        return self._pixels.rounded(np.concatenate(made))

    def _signs(self, inputs: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._step(tf.constant(inputs), tf.constant(labels)).numpy()

    def _gradient_sign(self, inputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = keras.losses.sparse_categorical_crossentropy(labels, self._model(inputs, training=False))
        return tf.sign(tape.gradient(loss, inputs))


def foreign(inputs: NDArray[np.float32], pixels: Pixels) -> dict[str, NDArray[np.float32]]:
    """As many inputs that show nothing the model learned: noise, negatives, and images with their pixels shuffled."""
    random = np.random.default_rng(0)
    noise = random.uniform(0, 1, inputs.shape) * (pixels.white - pixels.black) + pixels.black
    places = np.argsort(random.uniform(size=(len(inputs), inputs[0, ..., 0].size)), axis=1)[..., np.newaxis]
    flat = inputs.reshape(len(inputs), -1, inputs.shape[-1])
    return {
        "noise": pixels.rounded(noise),
        "negatives": pixels.rounded(pixels.black + pixels.white - inputs),
        "shuffled pixels": np.take_along_axis(flat, places, axis=1).reshape(inputs.shape),
    }


def _batches(count: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, count, BATCH))
