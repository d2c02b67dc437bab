import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inference_app.training import runtimes
from inference_app.training.errors import RefusedModelError
from inference_app.training.evaluation import check_accuracy, check_agreement, evaluate

onnx: Any = importlib.import_module("onnx")  # ships no type information
MODEL = Path(__file__).parents[3] / "inference_app" / "model_repository" / "digits" / "1" / "model.onnx"
INPUTS = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)


def test_accuracy_is_the_share_of_right_answers() -> None:
    labels = np.arange(100) % 10
    answers = labels.copy()
    answers[7] = 1
    evaluation = evaluate(labels, certain(answers))
    assert evaluation.accuracy == 0.99
    assert (evaluation.right, evaluation.examples) == (99, 100)
    assert evaluation.confusion[7, 1] == 1
    assert evaluation.confusion[7, 7] == 9
    assert evaluation.confusion[1, 7] == 0


def test_precision_recall_and_f1_are_of_each_label() -> None:
    evaluation = evaluate(np.array([0, 0, 0, 0, 1, 1, 2]), certain(np.array([0, 0, 0, 1, 1, 0, 1]))[:, :3])
    np.testing.assert_allclose(evaluation.precision, [3 / 4, 1 / 3, 0])
    np.testing.assert_allclose(evaluation.recall, [3 / 4, 1 / 2, 0])
    np.testing.assert_allclose(evaluation.f1, [3 / 4, 2 / 5, 0])
    assert evaluation.macro_f1 == pytest.approx((3 / 4 + 2 / 5) / 3)


def test_a_model_under_the_accuracy_asked_for_is_refused() -> None:
    labels = np.arange(100) % 10
    answers = labels.copy()
    answers[:4] = 9
    evaluation = evaluate(labels, certain(answers))
    check_accuracy(evaluation, 0.96)
    with pytest.raises(RefusedModelError, match=r"at least 97\.00%, got 96\.00%"):
        check_accuracy(evaluation, 0.97)


def test_a_model_that_gives_one_answer_to_everything_is_refused_unasked() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    better = labels.copy()
    better[95:] = 0
    check_accuracy(evaluate(labels, certain(better)), None)
    with pytest.raises(RefusedModelError, match=r"above 90\.00%.*got 90\.00%"):
        check_accuracy(evaluate(labels, certain(np.zeros(100, np.int64))), None)


def test_an_export_that_answers_as_expected_is_kept() -> None:
    answers = runtimes.onnx(MODEL)(INPUTS)
    assert check_agreement("It", answers, answers + np.float32(5e-5)) == pytest.approx(5e-5, rel=0.1)


@pytest.mark.parametrize("error", [2e-4, -2e-4, np.nan])
def test_an_export_that_answers_otherwise_is_refused(error: float) -> None:
    answers = runtimes.onnx(MODEL)(INPUTS)
    expected = answers.copy()
    expected[2, 4] += error
    with pytest.raises(RefusedModelError, match=r"It and Keras must agree within 0\.0001, got"):
        check_agreement("It", answers, expected)


def test_an_export_with_one_kernel_nudged_is_refused(tmp_path: Path) -> None:
    graph = onnx.load(MODEL)
    kernel = next(tensor for tensor in graph.graph.initializer if len(tensor.dims) == 4)
    nudged = onnx.numpy_helper.to_array(kernel) * np.float32(1.01)
    kernel.CopyFrom(onnx.numpy_helper.from_array(nudged, kernel.name))
    onnx.save(graph, tmp_path / "model.onnx")

    with pytest.raises(RefusedModelError, match="must agree"):
        check_agreement("It", runtimes.onnx(tmp_path / "model.onnx")(INPUTS), runtimes.onnx(MODEL)(INPUTS))


def test_answers_in_chunks_are_the_answers_in_one_go() -> None:
    inputs = np.random.default_rng(1).random((2 * runtimes.CHUNK + 3, 8, 8, 1), np.float32)
    predict = runtimes.onnx(MODEL)
    np.testing.assert_allclose(runtimes.predict_all(predict, inputs), predict(inputs), atol=1e-6)


def certain(labels: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.eye(10, dtype=np.float32)[labels]
