from typing import Any

import numpy as np
import pytest

from inference_app.contract import ExecutionProvider
from inference_app.preprocessing.declarations import DetectorDeclaration
from inference_app.repository import Metadata, ModelVersion
from inference_app.result_cache.key import Keys
from inference_app.tensors import Arrays, TensorSpec

X = TensorSpec.model_validate({"name": "x", "datatype": "FP32", "shape": (-1, 2)})
Y = TensorSpec.model_validate({"name": "y", "datatype": "FP32", "shape": (-1, 2)})
TEXT = TensorSpec.model_validate({"name": "x", "datatype": "BYTES", "shape": (-1, -1)})


@pytest.fixture
def metadata(digits: ModelVersion) -> Metadata:
    return digits.metadata.model_copy(update={"inputs": (X,)})


def key(metadata: Metadata, inputs: Arrays, provider: ExecutionProvider = ExecutionProvider.CPU) -> bytes:
    return Keys(metadata, provider).of(inputs)


def row(*values: float, dtype: str = "float32") -> Arrays:
    return {"x": np.array([values], dtype)}


def test_equal_inputs_have_one_key_wherever_they_lie_in_memory(metadata: Metadata) -> None:
    wide = np.array([[1, 2, 3, 4]], np.float32)
    assert key(metadata, row(1, 3)) == key(metadata, {"x": wide[:, ::2]})


@pytest.mark.parametrize(
    "other",
    [
        row(2, 1),
        row(1, 2, dtype="int32"),
        {"x": np.array([[1], [2]], np.float32)},
        {"x": np.array([[1, 2], [1, 2]], np.float32)},
    ],
    ids=["values", "datatype", "shape", "examples"],
)
def test_inputs_that_differ_in_anything_have_keys_of_their_own(metadata: Metadata, other: Arrays) -> None:
    assert key(metadata, row(1, 2)) != key(metadata, other)


def test_the_order_of_inputs_makes_no_key_and_their_names_do(metadata: Metadata) -> None:
    two = metadata.model_copy(update={"inputs": (X, Y)})
    one, other = row(1, 2)["x"], row(3, 4)["x"]
    assert key(two, {"x": one, "y": other}) == key(two, {"y": other, "x": one})
    assert key(two, {"x": one, "y": other}) != key(two, {"x": other, "y": one})


def test_strings_that_are_cut_elsewhere_have_keys_of_their_own(metadata: Metadata) -> None:
    texts = metadata.model_copy(update={"inputs": (TEXT,)})
    one, other = (np.array([words], object) for words in (["ab", "c"], ["a", "bc"]))
    assert key(texts, {"x": one}) != key(texts, {"x": other})


DETECTOR = {"sha256": "d" * 64, "output": "score", "threshold": 0.5}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "letters"},
        {"version": "2"},
        {"sha256": "0" * 64},
        {"detector": DetectorDeclaration.model_validate(DETECTOR)},
    ],
    ids=["model", "version", "file", "detector"],
)
def test_what_answers_is_in_the_key(metadata: Metadata, change: dict[str, Any]) -> None:
    assert key(metadata, row(1, 2)) != key(metadata.model_copy(update=change), row(1, 2))


def test_a_detector_with_another_limit_has_keys_of_its_own(metadata: Metadata) -> None:
    limits = [DetectorDeclaration.model_validate({**DETECTOR, "threshold": limit}) for limit in (0.5, 0.6)]
    strict, lax = (key(metadata.model_copy(update={"detector": each}), row(1, 2)) for each in limits)
    assert strict != lax


def test_where_the_model_runs_is_in_the_key(metadata: Metadata) -> None:
    assert key(metadata, row(1, 2)) != key(metadata, row(1, 2), ExecutionProvider.CUDA)
