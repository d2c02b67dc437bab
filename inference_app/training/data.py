"""Scikit-learn's handwritten digits, as the server sees them: gray images of 8x8 pixels from 0 to 255."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

WIDTH = HEIGHT = 8
LABELS = tuple("0123456789")
SCALE = 1 / 255
OFFSET = 0.0

HELD_OUT_SHARE = 0.2
VALIDATION_SHARE = 0.2

_INK_LEVELS = 16  # a source value counts the inked pixels of a 4x4 block, so it runs from 0 to 16


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Images and their labels, in step: `pixels` is uint8 [n, 8, 8], `labels` is int64 [n]."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    @property
    def inputs(self) -> NDArray[np.float32]:
        """What the model is fed, by the server's own rule `pixel * scale + offset`: float32 [n, 8, 8, 1]."""
        scaled = self.pixels.astype(np.float32) * np.float32(SCALE) + np.float32(OFFSET)
        return scaled[..., np.newaxis]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: NDArray[np.int64] | slice) -> "Examples":
        return Examples(pixels=self.pixels[indices], labels=self.labels[indices])


@dataclass(frozen=True, kw_only=True)
class Digits:
    """The data set in three parts that share no example."""

    train: Examples
    validation: Examples
    held_out: Examples

    @property
    def parts(self) -> tuple[Examples, Examples, Examples]:
        """Train, validation, held-out."""
        return self.train, self.validation, self.held_out


def load(seed: int) -> Digits:
    """Splits the 1,797 scans into three parts with equal shares of each digit; the same seed gives the same parts.

    Source: https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits (its test set).
    """
    ink, labels = load_digits(return_X_y=True)
    pixels = np.round(ink * 255 / _INK_LEVELS).astype(np.uint8)
    everything = Examples(pixels=pixels.reshape(-1, HEIGHT, WIDTH), labels=labels)
    rest, held_out = _split(everything, HELD_OUT_SHARE, seed)
    train, validation = _split(rest, VALIDATION_SHARE / (1 - HELD_OUT_SHARE), seed)
    return Digits(train=train, validation=validation, held_out=held_out)


def choose_samples(held_out: Examples, extra: int = 2) -> Examples:
    """The first example of each digit and the first `extra` others, in held-out order and before any is predicted."""
    _, first = np.unique(held_out.labels, return_index=True)
    others = np.setdiff1d(np.arange(len(held_out)), first)[:extra]
    return held_out[np.sort(np.concatenate([first, others]))]


def _split(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples]:
    kept, taken = train_test_split(
        np.arange(len(examples)), test_size=share, stratify=examples.labels, random_state=seed
    )
    return examples[kept], examples[taken]
