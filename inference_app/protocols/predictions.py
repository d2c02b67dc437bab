"""A model's outputs as JSON predictions: labels with confidences, embeddings, or the outputs themselves."""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from inference_app.errors import NotFinite
from inference_app.outputs import Rows
from inference_app.preprocessing.declarations import (
    Activation,
    EmbeddingPostprocessing,
    LabelPostprocessing,
    Pooling,
    TextPreprocessing,
)
from inference_app.protocols import json_body
from inference_app.repository import Metadata
from inference_app.tensors import Array, Arrays

MANY_LABELS = 32
"""From here on the likeliest are picked before they are sorted."""


class Predictions(ABC):
    """Writes one request's predictions."""

    @abstractmethod
    def render(self, rows: Rows, inputs: Arrays) -> bytes:
        """One JSON value per example, commas between them; raises `NotFinite` where the model gave no numbers."""


def make(metadata: Metadata) -> Predictions:
    """What the metadata declares; else labels where the model has them, else its outputs."""
    declared = metadata.postprocessing
    if declared is None and metadata.labels is not None:
        declared = LabelPostprocessing(kind="labels")
    if isinstance(declared, LabelPostprocessing):
        return Labels(metadata, declared)
    if isinstance(declared, EmbeddingPostprocessing):
        return Embeddings(metadata, declared)
    return Outputs()


class Labels(Predictions):
    """The likeliest labels, worked out for a whole batch at once; equal confidences come in the labels' order."""

    def __init__(self, metadata: Metadata, declared: LabelPostprocessing) -> None:
        self._output = metadata.outputs[0].name
        self._activation = declared.activation
        self._top_k = declared.top_k
        labels = metadata.labels or ()
        self._heads = [b'{"label":' + json_body.dumps(label) + b',"confidence":' for label in labels]
        self._derive = self._batch

    def render(self, rows: Rows, inputs: Arrays) -> bytes:  # noqa: ARG002
        """`{"label", "confidence", "top_k"}` per example; raises `NotFinite` for scores that are no numbers."""
        predictions = rows.batch.derived(self._derive)[rows.start : rows.stop]
        if b"" in predictions:
            raise NotFinite("the model gave NaN or infinity for this input")
        return predictions[0] if len(predictions) == 1 else b",".join(predictions)

    def _batch(self, outputs: Arrays) -> list[bytes]:
        scores = _activated(outputs[self._output], self._activation)
        few, heads = self._few(scores)
        orders = (-few).argsort(axis=1, kind="stable")[:, : self._top_k].tolist()
        # All confidences are serialised in one call: even a small one costs more than the text of a prediction.
        rows = json_body.dumps(few)[2:-2].split(b"],[")
        return list(map(_prediction, heads, rows, orders))

    def _few(self, scores: Array) -> tuple[Array, Iterable[list[bytes]]]:
        """Scores `[n, few]`, the likeliest among them, and the heads of each row's labels, in the same order.

        A row with NaN or infinity anywhere has one here.
        """
        count = self._top_k
        if scores.shape[1] <= max(MANY_LABELS, count):
            return np.ascontiguousarray(scores), itertools.repeat(self._heads)
        picked = np.sort(np.argpartition(-scores, count, axis=1)[:, :count], axis=1)
        few, labels = np.take_along_axis(scores, picked, axis=1), cast("list[list[int]]", picked.tolist())
        # NaN and infinity go through a sum of squares, so one number tells whether anything is amiss.
        if not math.isfinite(np.vdot(scores, scores)):
            few[~np.isfinite(scores).all(axis=1)] = np.nan
        return few, ([self._heads[label] for label in row] for row in labels)


def _prediction(heads: list[bytes], row: bytes, order: list[int]) -> bytes:
    """Nothing for a row with NaN or infinity, which JSON spells null."""
    if b"null" in row:
        return b""
    confidences = row.split(b",")
    items = [heads[place] + confidences[place] for place in order]
    return b"".join((items[0], b',"top_k":[', b"},".join(items), b"}]}"))


class Embeddings(Predictions):
    """One vector per example."""

    def __init__(self, metadata: Metadata, declared: EmbeddingPostprocessing) -> None:
        self._output = metadata.outputs[0].name
        self._pooling, self._normalize = declared.pooling, declared.normalize
        text = metadata.preprocessing
        self._mask = text.mask if isinstance(text, TextPreprocessing) else None

    def render(self, rows: Rows, inputs: Arrays) -> bytes:
        """`{"embedding": [...]}` per example; raises `NotFinite` for vectors that hold no numbers."""
        vectors = self._pooled(rows.batch.arrays[self._output][rows.start : rows.stop], inputs)
        if not np.isfinite(vectors).all():
            raise NotFinite("the model gave NaN or infinity for this input")
        if self._normalize:
            vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)
        return json_body.dumps([{"embedding": vector} for vector in np.ascontiguousarray(vectors)])[1:-1]

    def _pooled(self, output: Array, inputs: Arrays) -> Array:
        if self._pooling is Pooling.FIRST:
            return output[:, 0]
        if self._pooling is Pooling.NONE or self._mask is None:
            return output
        mask = inputs[self._mask][:, :, np.newaxis].astype(np.float32)
        return (output * mask).sum(axis=1) / mask.sum(axis=1).clip(min=1)


class Outputs(Predictions):
    """Each example's outputs by name, as nested lists; NaN and infinity are null, for JSON has no word for them."""

    def render(self, rows: Rows, inputs: Arrays) -> bytes:  # noqa: ARG002
        """`{output: value}` per example."""
        arrays = {name: _plain(array[rows.start : rows.stop]) for name, array in rows.batch.arrays.items()}
        predictions: list[dict[str, Any]] = [
            {name: array[row] for name, array in arrays.items()} for row in range(rows.stop - rows.start)
        ]
        return json_body.dumps(predictions)[1:-1]


def _plain(array: Array) -> Any:
    return array.tolist() if array.dtype.kind == "O" else np.ascontiguousarray(array)


def _activated(scores: Array, activation: Activation) -> Array:
    """`scores` `[n, labels]` as probabilities; the largest is subtracted first, so that no exponential overflows."""
    if activation is Activation.NONE:
        return scores
    with np.errstate(invalid="ignore"):  # NaN is noticed later
        if activation is Activation.SIGMOID:
            return np.exp(-np.logaddexp(0, -scores))
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
