"""`tiny`: 4 features, 16 hidden units, 3 classes; a call costs 10 microseconds, so the server is timed."""

import numpy as np
import onnx

from benchmarks.serving.models.version import Array, Graph, Version

FEATURES, HIDDEN, CLASSES = 4, 16, 3


def build() -> Version:
    """The version, with weights from a fixed seed and a golden output computed by NumPy."""
    random = np.random.default_rng(0)
    first, second = random.normal(size=(FEATURES, HIDDEN)), random.normal(size=(HIDDEN, CLASSES))
    weights = [first.astype(np.float32), second.astype(np.float32)]
    rows = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], np.float32)
    return Version(
        model=_model(*weights),
        framework=f"numpy {np.__version__}",
        inputs={"features": rows},
        outputs={"probabilities": _forward(rows, *weights)},
        tolerance=1e-5,
        labels=["setosa", "versicolor", "virginica"],
    )


def _model(first: Array, second: Array) -> onnx.ModelProto:
    graph = Graph(
        name="tiny",
        inputs={"features": (onnx.TensorProto.FLOAT, ["batch", FEATURES])},
        output=("probabilities", ["batch", CLASSES]),
    )
    hidden = graph.add("Relu", graph.add("MatMul", "features", first))
    return graph.finish(graph.add("Softmax", graph.add("MatMul", hidden, second), axis=-1))


def _forward(rows: Array, first: Array, second: Array) -> Array:
    scores = np.maximum(rows @ first, 0) @ second
    exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)
