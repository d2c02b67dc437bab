"""Another data set, of other images: 28x28 pixels, labels in a table; each command by itself."""

from pathlib import Path

import pytest

from inference_app import repository
from inference_app.repository import proof
from inference_app.settings import Settings
from tests.training.conftest import Run
from tests.training.datasets import write_mnist

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, train: Run) -> Path:
    """A folder with MNIST's images, what `data` made of them, a short training and its exports."""
    folder = tmp_path_factory.mktemp("mnist")
    (folder / "mnist").mkdir()
    write_mnist(folder / "mnist")
    train("data", "--from", folder / "mnist", "--into", folder / "data")
    train("train", "--data", folder / "data", "--into", folder / "run", "--epochs", "3")
    train("export", "--data", folder / "data", "--run", folder / "run", "--min-accuracy", "0.9")
    return folder


def test_int8_goes_into_the_repository_with_keras_answers_and_a_server_proves_it(work: Path, train: Run) -> None:
    words = ["--data", work / "data", "--run", work / "run", "--repository", work / "models", "--fine-tuning", "1"]
    train("optimise", *words, "--choose", "static")

    found = repository.find(work / "models", "mnist")
    proof.prove(found, Settings())
    assert 1e-4 < found.metadata.golden.tolerance < 0.2
    assert found.model_path.stat().st_size < (work / "run/exports/model.onnx").stat().st_size / 2
    assert found.metadata.inputs[0].shape == (-1, 28, 28, 1)
