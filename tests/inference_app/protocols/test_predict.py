import json
from typing import Any

import numpy as np
import pytest

from inference_app.errors import BadRequest, UnsupportedMediaType
from inference_app.protocols import predict
from inference_app.repository import Metadata, ModelVersion
from inference_app.tensors import Datatype, TensorSpec


@pytest.fixture
def metadata(digits: ModelVersion) -> Metadata:
    return digits.metadata


@pytest.fixture
def two_inputs(metadata: Metadata) -> Metadata:
    inputs = tuple(TensorSpec(name=name, datatype=Datatype.FP32, shape=(-1,)) for name in "ab")
    return metadata.model_copy(update={"inputs": inputs, "preprocessing": None})


def parse(value: Any, metadata: Metadata) -> dict[str, list[int]]:
    arrays = predict.parse(json.dumps(value).encode(), "application/json; charset=utf-8", metadata)
    return {name: list(array.shape) for name, array in arrays.items()}


def test_one_example_and_several_are_told_apart_by_their_depth(metadata: Metadata, example: list[Any]) -> None:
    assert parse({"inputs": example}, metadata) == {"image": [1, 8, 8, 1]}
    assert parse({"inputs": [example, example]}, metadata) == {"image": [2, 8, 8, 1]}


def test_a_bare_array_means_the_same(metadata: Metadata, example: list[Any]) -> None:
    assert parse([example], metadata) == {"image": [1, 8, 8, 1]}


def test_several_inputs_are_given_by_name(two_inputs: Metadata) -> None:
    assert parse({"inputs": {"a": [1, 2], "b": [3, 4]}}, two_inputs) == {"a": [2], "b": [2]}


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ({"inputs": [1, 2]}, "inputs must be an object with a, b"),
        ({"inputs": {"a": [1]}}, "input b is missing"),
        ({"inputs": {"a": [1], "b": [1], "c": [1]}}, "unknown input c"),
        ({"instances": [1]}, "the body must be an array or"),
        ({"inputs": [1], "more": 1}, "the body must be an array or"),
        ("text", "inputs must be an object"),
    ],
)
def test_other_documents_are_refused_with_the_reason(two_inputs: Metadata, value: Any, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        parse(value, two_inputs)


@pytest.mark.parametrize("body", [b"", b"[1,", b"[NaN]", b"[Infinity]", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(metadata: Metadata, body: bytes) -> None:
    with pytest.raises(BadRequest, match="no valid JSON"):
        predict.parse(body, predict.JSON, metadata)


@pytest.mark.parametrize("content_type", ["text/plain", "image/gif", ""])
def test_other_media_types_are_refused_with_those_that_work(metadata: Metadata, content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="application/json, image/png, image/jpeg"):
        predict.parse(b"", content_type, metadata)


def test_a_model_without_preprocessing_takes_no_images(two_inputs: Metadata) -> None:
    with pytest.raises(UnsupportedMediaType, match="takes no images"):
        predict.parse(b"", "image/png", two_inputs)


def test_predictions_come_with_label_confidence_and_the_likeliest(metadata: Metadata) -> None:
    scores = np.zeros((2, 10), dtype=np.float32)
    scores[0, [7, 3, 1]] = [0.5, 0.25, 0.125]
    scores[1, 4] = 1
    answer = json.loads(predict.render({"probabilities": scores}, metadata))
    assert (answer["model"], answer["version"]) == ("digits", "1")
    assert [(item["label"], item["confidence"]) for item in answer["predictions"]] == [("7", 0.5), ("4", 1.0)]
    assert answer["predictions"][0]["top_k"] == [
        {"label": "7", "confidence": 0.5},
        {"label": "3", "confidence": 0.25},
        {"label": "1", "confidence": 0.125},
    ]


def test_a_model_without_labels_gives_its_raw_outputs(metadata: Metadata) -> None:
    raw = metadata.model_copy(update={"labels": None})
    answer = json.loads(predict.render({"y": np.array([[1, 2], [3, 4]], dtype=np.float32)}, raw))
    assert answer["predictions"] == [{"y": [1, 2]}, {"y": [3, 4]}]
