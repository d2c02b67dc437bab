import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inference_app.training.evaluation import RefusedModelError, check_agreement, evaluate

ort: Any = importlib.import_module("onnxruntime")  # ships no type information
MODEL = Path(__file__).parents[3] / "inference_app" / "model_repository" / "digits" / "1" / "model.onnx"


def test_accuracy_is_the_share_of_right_answers() -> None:
    labels = np.arange(100) % 10
    answers = labels.copy()
    answers[7] = 1
    evaluation = evaluate(labels, _certain(answers))
    assert evaluation.accuracy == 0.99
    assert evaluation.examples == 100
    assert evaluation.confusion[7, 1] == 1
    assert evaluation.confusion[7, 7] == 9
    assert evaluation.confusion[1, 7] == 0


def test_a_model_under_97_percent_is_refused() -> None:
    labels = np.arange(100) % 10
    answers = labels.copy()
    answers[:4] = 9
    with pytest.raises(RefusedModelError, match=r"at least 97%, got 96\.00%"):
        evaluate(labels, _certain(answers))


def test_a_model_at_97_percent_is_kept() -> None:
    labels = np.arange(100) % 10
    answers = labels.copy()
    answers[:3] = 9
    assert evaluate(labels, _certain(answers)).accuracy == 0.97


def test_an_export_that_answers_as_expected_is_kept() -> None:
    inputs = np.zeros((3, 8, 8, 1), np.float32)
    answers = _answers(inputs)
    assert check_agreement(MODEL, inputs, answers + np.float32(5e-5)) == pytest.approx(5e-5, rel=0.1)


@pytest.mark.parametrize("error", [2e-4, -2e-4, np.nan])
def test_an_export_that_answers_otherwise_is_refused(error: float) -> None:
    inputs = np.zeros((3, 8, 8, 1), np.float32)
    expected = _answers(inputs)
    expected[2, 4] += error
    with pytest.raises(RefusedModelError, match=r"must agree within 0\.0001, got"):
        check_agreement(MODEL, inputs, expected)


def _certain(labels: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.eye(10, dtype=np.float32)[labels]


def _answers(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    session = ort.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"image": inputs})[0], dtype=np.float32)
