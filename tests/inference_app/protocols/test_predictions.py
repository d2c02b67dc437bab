import json
from typing import Any

import numpy as np
import pytest

from inference_app.errors import ModelFailed
from inference_app.outputs import BatchOutputs, Rows
from inference_app.protocols import predictions
from inference_app.repository import Metadata, ModelVersion
from inference_app.tensors import Array, Arrays


@pytest.fixture
def content(digits: ModelVersion) -> dict[str, Any]:
    """The shipped model's metadata with three labels."""
    outputs = [{"name": "scores", "datatype": "FP32", "shape": [-1, 3]}]
    return digits.metadata.model_dump(mode="json") | {"labels": ["ant", 'a "bee"', "cat"], "outputs": outputs}


def render(content: dict[str, Any], outputs: Arrays, inputs: Arrays | None = None) -> list[Any]:
    """The predictions of one request that had the batch to itself."""
    rows = Rows(BatchOutputs(outputs), 0, len(next(iter(outputs.values()))))
    made = predictions.make(Metadata.model_validate(content))
    return json.loads(b"[" + made.render(rows, inputs or {}) + b"]")


def scores(*rows: list[float]) -> dict[str, Array]:
    return {"scores": np.array(rows, dtype=np.float32)}


def test_predictions_come_with_label_confidence_and_the_likeliest(content: dict[str, Any]) -> None:
    (prediction,) = render(content, scores([0.25, 0.625, 0.125]))
    assert prediction == {
        "label": 'a "bee"',
        "confidence": 0.625,
        "top_k": [
            {"label": 'a "bee"', "confidence": 0.625},
            {"label": "ant", "confidence": 0.25},
            {"label": "cat", "confidence": 0.125},
        ],
    }


def test_equal_confidences_come_in_the_order_of_the_labels(content: dict[str, Any]) -> None:
    (prediction,) = render(content, scores([0.25, 0.5, 0.25]))
    assert [item["label"] for item in prediction["top_k"]] == ['a "bee"', "ant", "cat"]


def test_each_request_of_a_batch_gets_its_own_rows(content: dict[str, Any]) -> None:
    made = predictions.make(Metadata.model_validate(content))
    batch = BatchOutputs(scores([1, 0, 0], [0, 1, 0], [0, 0, 1]))
    first, rest = made.render(Rows(batch, 0, 1), {}), made.render(Rows(batch, 1, 3), {})
    assert json.loads(first)["label"] == "ant"
    assert [item["label"] for item in json.loads(b"[" + rest + b"]")] == ['a "bee"', "cat"]


@pytest.mark.parametrize(("top_k", "length"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_as_many_of_the_likeliest_are_listed_as_declared(content: dict[str, Any], top_k: int, length: int) -> None:
    content["postprocessing"] = {"kind": "labels", "top_k": top_k}
    predicted = render(content, scores([0.1, 0.3, 0.6], [0.5, 0.3, 0.2]))
    assert [len(prediction["top_k"]) for prediction in predicted] == [length, length]
    assert [prediction["label"] for prediction in predicted] == ["cat", "ant"]


def test_logits_become_probabilities_however_large_they_are(content: dict[str, Any]) -> None:
    content["postprocessing"] = {"kind": "labels", "activation": "softmax"}
    plain, large = render(content, scores([0, np.log(3), -1e4], [1e4, 1e4, -1e4]))
    assert [item["confidence"] for item in plain["top_k"]] == pytest.approx([0.75, 0.25, 0])
    assert [item["confidence"] for item in large["top_k"]] == pytest.approx([0.5, 0.5, 0])


def test_independent_labels_have_probabilities_of_their_own(content: dict[str, Any]) -> None:
    content["postprocessing"] = {"kind": "labels", "activation": "sigmoid"}
    (prediction,) = render(content, scores([0, 1e4, -1e4]))
    assert [item["confidence"] for item in prediction["top_k"]] == pytest.approx([1, 0.5, 0])


@pytest.mark.parametrize(
    ("activation", "bad"),
    [
        ("none", [np.nan, 0.5, 0.5]),
        ("none", [0, np.inf, 0]),
        ("none", [np.inf, -np.inf, np.nan]),
        ("softmax", [np.nan, 0.5, 0.5]),
        ("softmax", [0, np.inf, 0]),
        ("softmax", [-np.inf] * 3),
        ("sigmoid", [np.nan, 0.5, 0.5]),
    ],
)
def test_scores_that_are_no_numbers_fail_their_own_request_alone(
    content: dict[str, Any], activation: str, bad: list[float]
) -> None:
    content["postprocessing"] = {"kind": "labels", "activation": activation}
    made = predictions.make(Metadata.model_validate(content))
    batch = BatchOutputs(scores([1, 0, 0], bad))
    assert json.loads(made.render(Rows(batch, 0, 1), {}))["label"] == "ant"
    with pytest.raises(ModelFailed, match="NaN or infinity"):
        made.render(Rows(batch, 1, 2), {})


def test_large_finite_scores_are_no_failure(content: dict[str, Any]) -> None:
    (prediction,) = render(content, scores([3e38, -3e38, 0]))
    assert prediction["label"] == "ant"


@pytest.mark.parametrize("datatype", ["float16", "float32", "float64"])
def test_the_likeliest_of_many_labels_are_those_of_a_full_sort(content: dict[str, Any], datatype: str) -> None:
    content["labels"] = [str(number) for number in range(1000)]
    content["outputs"] = [{"name": "scores", "datatype": "FP32", "shape": [-1, 1000]}]
    content["postprocessing"] = {"kind": "labels", "top_k": 5}
    values = np.random.default_rng(0).permuted(np.linspace(0, 1, 2000).reshape(2, 1000), axis=1).astype(datatype)
    for prediction, row in zip(render(content, {"scores": values}), values, strict=True):
        confidences = [item["confidence"] for item in prediction["top_k"]]
        assert confidences == pytest.approx(np.sort(row)[::-1][:5])
        assert [row[int(item["label"])] for item in prediction["top_k"]] == pytest.approx(confidences)


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_of_many_labels_one_unlikely_score_that_is_no_number_fails_the_request(
    content: dict[str, Any], bad: float
) -> None:
    content["labels"] = [str(number) for number in range(1000)]
    content["outputs"] = [{"name": "scores", "datatype": "FP32", "shape": [-1, 1000]}]
    made = predictions.make(Metadata.model_validate(content))
    values = np.linspace(0, 1, 2000, dtype=np.float32).reshape(2, 1000)
    values[1, 3] = bad
    batch = BatchOutputs({"scores": values})
    assert json.loads(made.render(Rows(batch, 0, 1), {}))["label"] == "999"
    with pytest.raises(ModelFailed, match="NaN or infinity"):
        made.render(Rows(batch, 1, 2), {})


def test_confidences_are_as_short_as_their_type(content: dict[str, Any]) -> None:
    made = predictions.make(Metadata.model_validate(content))
    text = made.render(Rows(BatchOutputs(scores([0.1, 0.2, 0.7])), 0, 1), {})
    assert b'"confidence":0.7,' in text


def test_a_model_without_labels_gives_its_raw_outputs(content: dict[str, Any]) -> None:
    outputs = {
        "y": np.array([[1, 2], [3, np.nan]], dtype=np.float32),
        "n": np.array([7, 8]),
        "words": np.array([["a"], ["b"]], dtype=object),
    }
    assert render(content | {"labels": None}, outputs) == [
        {"y": [1, 2], "n": 7, "words": ["a"]},
        {"y": [3, None], "n": 8, "words": ["b"]},
    ]


def test_raw_outputs_can_be_asked_for_although_there_are_labels(content: dict[str, Any]) -> None:
    content["postprocessing"] = {"kind": "outputs"}
    assert render(content, scores([0.25, 0.5, 0.25])) == [{"scores": [0.25, 0.5, 0.25]}]


def test_outputs_that_lie_in_memory_in_another_order_are_written_in_theirs(content: dict[str, Any]) -> None:
    turned = np.asfortranarray(np.arange(12, dtype=np.float32).reshape(2, 2, 3))
    (first, _) = render(content | {"labels": None}, {"y": turned})
    assert first == {"y": [[0, 1, 2], [3, 4, 5]]}
    assert render(content, {"scores": turned[:, 0]})[0]["label"] == "cat"


EMBEDDING = {"labels": None, "outputs": [{"name": "hidden", "datatype": "FP32", "shape": [-1, -1, 2]}]}
TEXT = {
    "preprocessing": {"kind": "text", "tokenizer_sha256": "0" * 64, "max_length": 8},
    "inputs": [
        {"name": "input_ids", "datatype": "INT64", "shape": [-1, -1]},
        {"name": "attention_mask", "datatype": "INT64", "shape": [-1, -1]},
    ],
}
HIDDEN = {"hidden": np.array([[[3, 4], [1, 0], [100, 100]]], dtype=np.float32)}
MASK = {"attention_mask": np.array([[1, 1, 0]])}


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"pooling": "first"}, [3, 4]),
        ({"pooling": "first", "normalize": True}, [0.6, 0.8]),
        ({"pooling": "mean"}, [2, 2]),
    ],
)
def test_an_embedding_is_pooled_without_padding_and_normalised(
    content: dict[str, Any], declared: dict[str, Any], expected: list[float]
) -> None:
    content |= EMBEDDING | TEXT | {"postprocessing": {"kind": "embedding", **declared}}
    assert render(content, HIDDEN, MASK) == [{"embedding": pytest.approx(expected)}]


def test_an_embedding_of_nothing_stays_nothing(content: dict[str, Any]) -> None:
    content |= EMBEDDING | TEXT | {"postprocessing": {"kind": "embedding", "pooling": "mean", "normalize": True}}
    assert render(content, HIDDEN, {"attention_mask": np.array([[0, 0, 0]])}) == [{"embedding": [0, 0]}]


def test_an_embedding_that_holds_no_numbers_fails(content: dict[str, Any]) -> None:
    content |= {"labels": None, "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}]}
    content["postprocessing"] = {"kind": "embedding"}
    with pytest.raises(ModelFailed, match="NaN or infinity"):
        render(content, {"y": np.array([[np.nan, 1]], dtype=np.float32)})
