"""Detectors of small made-up images, which need no TensorFlow; `make train-check` trains one against real attacks."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference_app import repository
from inference_app.detector import Detector
from inference_app.errors import Suspicious
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from inference_app.training import runtimes
from inference_app.training.detector import remainder, writing
from inference_app.training.detector.choosing import Limits
from inference_app.training.detector.measuring import CLEAN, FGSM, Measurement
from inference_app.training.detector.remainder import Remainder, candidates, threshold
from inference_app.training.errors import RefusedModelError, TrainingError
from inference_app.training.published import published

SHAPE = (8, 8, 1)
LIMITS = Limits(false_positives=0.01, least_caught=0.8, epsilon=0.1)


def flat_images(count: int, seed: int) -> NDArray[np.float32]:
    """Images that vary in 16 of 64 directions, and hardly in the others."""
    directions = np.linalg.qr(np.random.default_rng(0).normal(size=(64, 64)))[0]
    spread = np.where(np.arange(64) < 16, 1.0, 0.001)
    images = np.random.default_rng(seed).normal(size=(count, 64)) * spread @ directions.T
    return images.reshape(count, *SHAPE).astype(np.float32)


@pytest.fixture(scope="module")
def detector() -> Remainder:
    return next(each for each in candidates(flat_images(2000, 1)) if each.kept >= 16)


def test_what_training_images_have_least_of_is_what_counts(detector: Remainder) -> None:
    clean = flat_images(500, 2)
    signs = np.sign(np.random.default_rng(3).normal(size=clean.shape)).astype(np.float32)

    limit = threshold(detector.scores(flat_images(500, 4)), 0.01)
    assert (detector.scores(clean) > limit).mean() <= 0.03
    assert (detector.scores(np.add(clean, 0.1 * signs, dtype=np.float32)) > limit).all()


def test_a_change_that_the_detector_does_not_see_leaves_the_score(detector: Remainder) -> None:
    clean = flat_images(10, 2).reshape(10, -1)
    change = np.random.default_rng(3).normal(size=(10, 64)).astype(np.float32)

    unseen = detector.without(change)
    assert np.abs(unseen).max() > 0.1
    np.testing.assert_allclose(detector.scores(clean + unseen), detector.scores(clean), atol=1e-6)


def test_more_components_are_kept_with_each_candidate_and_together_they_are_all() -> None:
    found = list(candidates(flat_images(200, 1)))

    assert [each.kept for each in found] == sorted({each.kept for each in found})
    for each in found:
        assert each.rest.shape == (64 - each.kept, 64)
        np.testing.assert_allclose(each.rest @ each.rest.T, np.eye(len(each.rest)), atol=1e-5)


def test_images_that_never_vary_in_some_pixels_have_fewer_components() -> None:
    images = flat_images(200, 1)
    images[:, :4] = 0.5

    assert max(each.kept for each in candidates(images)) < 32


@pytest.mark.parametrize("count", [99, 100, 1000])
def test_the_threshold_is_exceeded_as_often_as_asked_at_most(count: int) -> None:
    scores = np.arange(1, count + 1, dtype=np.float32)

    assert (scores > threshold(scores, 0.01)).sum() <= 0.01 * count


def test_too_few_images_for_so_few_false_positives_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"^99 validation images are needed for 1\.00% false positives, got 98; "):
        threshold(np.zeros(98, dtype=np.float32), 0.01)


def test_inputs_too_large_for_a_matrix_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"^inputs must have at most 4,096 values, got 12,288; "):
        next(candidates(np.zeros((2, 64, 64, 3), dtype=np.float32)))


def test_onnx_runtime_gives_the_same_scores_in_any_batch(detector: Remainder, tmp_path: Path) -> None:
    remainder.write_onnx(detector, "image", SHAPE, tmp_path / "detector.onnx")
    predict, images = runtimes.onnx(tmp_path / "detector.onnx"), flat_images(50, 5)

    np.testing.assert_allclose(predict(images), detector.scores(images), atol=1e-5)
    assert predict(images[:1]).shape == (1,)


def test_a_version_with_a_detector_is_one_that_a_server_loads(
    digits: ModelVersion, own_repository: Path, tmp_path: Path
) -> None:
    found = published(own_repository / "digits" / digits.metadata.version)
    samples = json.loads((found.folder / "golden.json").read_bytes())["inputs"]["image"]
    images = np.concatenate([np.array(samples, dtype=np.float32)] * 30)
    images += np.random.default_rng(0).normal(scale=0.01, size=images.shape).astype(np.float32)
    detector = list(candidates(images))[-1]
    remainder.write_onnx(detector, "image", SHAPE, tmp_path / "detector.onnx")
    limit = threshold(detector.scores(images), 0.05)

    folder = writing.write(found, tmp_path / "detector.onnx", limit, {"fgsm": 0.9}, "9")

    loaded = Detector(repository.read(folder), Settings())
    loaded.judge({"image": images[:1]}).check(0, 1)
    with pytest.raises(Suspicious):
        loaded.judge({"image": np.random.default_rng(1).uniform(size=(1, *SHAPE)).astype(np.float32)}).check(0, 1)
    assert repository.read(folder).metadata.version == "9"
    assert json.loads((folder / "detector.json").read_bytes()) == {"fgsm": 0.9}
    assert published(found.folder).checksum == found.checksum
    assert repository.active_version(own_repository, "digits") == digits.metadata.version


@pytest.mark.parametrize("name", ["1", "../2", ".hidden", ""])
def test_a_version_is_never_written_over(own_repository: Path, name: str) -> None:
    with pytest.raises(TrainingError, match=r"^--as must name a version that is not there, got"):
        writing.check_free(published(own_repository / "digits" / "1"), name)


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ({CLEAN: 0.021, FGSM: 1.0}, "clean held-out images must be refused in 1.0%, or by chance 2.0%, got 2.1%"),
        ({CLEAN: 0.01, FGSM: 0.79}, "FGSM must be caught in at least 80% of the held-out images, got 79.0%"),
    ],
)
def test_a_detector_that_misses_a_limit_is_refused(refused: dict[str, float], told: str) -> None:
    measured = Measurement(examples=1000, refused=refused, model_accuracy={})

    with pytest.raises(RefusedModelError) as raised:
        measured.check(LIMITS)
    assert str(raised.value).startswith(told)


def test_the_table_has_a_line_for_each_kind() -> None:
    table = Measurement(examples=9, refused={CLEAN: 0.01, "noise": 1.0}, model_accuracy={CLEAN: 0.5}).table()

    assert [line.split() for line in table.splitlines()[1:]] == [["clean", "1.0%", "50.0%"], ["noise", "100.0%"]]


def test_what_is_there_already_is_not_lost_when_writing_fails(own_repository: Path, tmp_path: Path) -> None:
    found = published(own_repository / "digits" / "1")
    before = sorted(path.name for path in found.folder.parent.iterdir())

    with pytest.raises(FileNotFoundError):
        writing.write(found, tmp_path / "missing.onnx", 1.0, {}, "2")
    after = sorted(path.name for path in found.folder.parent.iterdir() if path.name != ".lock")
    assert after == before
