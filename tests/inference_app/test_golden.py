import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference_app import golden, repository
from inference_app.errors import ModelUnusable
from inference_app.golden import Golden
from inference_app.repository import ModelVersion
from inference_app.tensors import Array


def reason(expected: Array, actual: Array, tolerance: float = 0.001) -> str:
    with pytest.raises(ModelUnusable) as raised:
        Golden({}, {"y": expected}, tolerance).check({"y": actual})
    return str(raised.value)


def test_the_shipped_golden_inference_is_read(digits: ModelVersion) -> None:
    inference = golden.read(digits)
    assert inference.inputs["image"].shape[1:] == (8, 8, 1)
    assert inference.outputs["probabilities"].dtype == np.float32


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"inputs": {"image": [["x"]]}, "outputs": {}}'])
def test_a_golden_file_that_is_missing_or_of_another_model_is_refused(own_repository: Path, content: Any) -> None:
    path = own_repository / "digits" / "1" / "golden.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ModelUnusable, match=r"golden\.json is no golden input and output of this model"):
        golden.read(repository.find(own_repository, "digits"))


def test_an_example_is_the_first_of_the_file_as_often_as_asked(digits: ModelVersion) -> None:
    inference = golden.read(digits)
    content = json.loads((digits.directory / digits.metadata.golden.file).read_text())
    example = inference.example(3)["image"]
    np.testing.assert_array_equal(example, np.array([content["inputs"]["image"][0]] * 3, np.float32))


def test_outputs_within_the_tolerance_pass() -> None:
    Golden({}, {"y": np.array([1.0, 2.0])}, 0.001).check({"y": np.array([1.0005, 1.9995])})


def test_outputs_beyond_the_tolerance_are_refused() -> None:
    assert reason(np.array([1.0]), np.array([1.01])) == "golden output y differs by 0.01, more than 0.001"


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_is_never_within_the_tolerance(wrong: float) -> None:
    assert "golden output y differs" in reason(np.array([1.0]), np.array([wrong]), tolerance=1e9)


def test_another_shape_is_refused() -> None:
    assert "has shape (1,), the model gave (2,)" in reason(np.array([1.0]), np.array([1.0, 1.0]))


def test_texts_must_be_equal() -> None:
    cat, dog = np.array([["cat"]], object), np.array([["dog"]], object)
    Golden({}, {"y": cat}, 0.001).check({"y": cat.copy()})
    assert reason(cat, dog) == "golden output y differs"


def test_truths_must_be_equal() -> None:
    assert "golden output y differs" in reason(np.array([True]), np.array([False]))
