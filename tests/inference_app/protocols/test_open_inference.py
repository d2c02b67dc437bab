import json
from typing import Any

import numpy as np
import pytest

from inference_app.errors import BadRequest, UnknownModel
from inference_app.protocols import open_inference
from inference_app.repository import Metadata, ModelVersion


@pytest.fixture
def metadata(digits: ModelVersion) -> Metadata:
    return digits.metadata


def document(**changes: Any) -> dict[str, Any]:
    tensor = {"name": "image", "shape": [1, 8, 8, 1], "datatype": "FP32", "data": [0.0] * 64}
    return {"inputs": [{**tensor, **changes}]}


def parse(value: Any, metadata: Metadata) -> open_inference.Inference:
    return open_inference.parse(json.dumps(value).encode(), metadata)


def test_flat_and_nested_data_mean_the_same(metadata: Metadata, example: list[Any]) -> None:
    flat = np.array(example).reshape(-1).tolist()
    nested = parse(document(data=[example]), metadata).inputs["image"]
    assert nested.shape == (1, 8, 8, 1)
    np.testing.assert_array_equal(parse(document(data=flat), metadata).inputs["image"], nested)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"datatype": "INT64"}, "expected datatype FP32, got INT64"),
        ({"shape": [1, 28, 28, 1]}, r"expected shape \[-1, 8, 8, 1\], got \[1, 28, 28, 1\]"),
        ({"shape": [0, 8, 8, 1]}, r"expected shape"),
        ({"shape": [2, 8, 8, 1]}, r"shape \[2, 8, 8, 1\] does not match data of shape \[64\]"),
        ({"data": [[0.0] * 8] * 8}, r"does not match data of shape \[8, 8\]"),
        ({"name": "picture"}, "unknown input picture; the model takes image"),
        ({"shape": [True, 8, 8, 1]}, r"inputs\.0\.shape\.0"),
        ({"data": ["0"] * 64}, "expected FP32, got a string"),
    ],
)
def test_a_wrong_tensor_is_refused_with_expected_and_got(metadata: Metadata, changes: Any, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        parse(document(**changes), metadata)


@pytest.mark.parametrize("value", [[], {}, {"inputs": {}}, {"inputs": [{"name": "image"}]}, {"inputs": []}])
def test_another_document_is_refused(metadata: Metadata, value: Any) -> None:
    with pytest.raises(BadRequest):
        parse(value, metadata)


def test_an_input_given_twice_is_refused(metadata: Metadata) -> None:
    twice = document()["inputs"] * 2
    with pytest.raises(BadRequest, match="given twice"):
        parse({"inputs": twice}, metadata)


def test_an_unknown_output_is_refused(metadata: Metadata) -> None:
    with pytest.raises(BadRequest, match="unknown output logits; the model gives probabilities"):
        parse({**document(), "outputs": [{"name": "logits"}]}, metadata)


def test_parameters_of_any_kind_are_ignored(metadata: Metadata) -> None:
    value = {**document(parameters={"a": 1}), "parameters": {"b": True}}
    assert parse(value, metadata).inputs["image"].shape == (1, 8, 8, 1)


def test_the_answer_echoes_the_id_and_is_flat(metadata: Metadata) -> None:
    inference = parse({**document(), "id": "42", "outputs": [{"name": "probabilities"}]}, metadata)
    outputs = {"probabilities": np.arange(10, dtype=np.float32).reshape(1, 10)}
    assert json.loads(open_inference.render(inference, outputs, metadata)) == {
        "model_name": "digits",
        "model_version": "1",
        "id": "42",
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [1, 10], "data": list(range(10))}],
    }


def test_without_an_id_the_answer_has_none(metadata: Metadata) -> None:
    outputs = {"probabilities": np.zeros((1, 10), dtype=np.float32)}
    assert "id" not in json.loads(open_inference.render(parse(document(), metadata), outputs, metadata))


@pytest.mark.parametrize(("name", "version"), [("cats", None), ("digits", "9")])
def test_other_models_and_versions_are_unknown(metadata: Metadata, name: str, version: str | None) -> None:
    with pytest.raises(UnknownModel):
        open_inference.check_model(metadata, name, version)
