"""A version in a repository, made of the shipped network's file."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference_app import repository
from inference_app.errors import ModelUnusable
from inference_app.repository import ModelVersion, proof
from inference_app.settings import Settings
from inference_app.training import comparison, runtimes
from inference_app.training.dataset import examples
from inference_app.training.dataset.importing import Request, import_images
from inference_app.training.dataset.sources import open_source
from inference_app.training.errors import RefusedModelError, TrainingError
from inference_app.training.run import Run, check_same_data
from inference_app.training.variant import Answers, Kind, Variant
from inference_app.training.version import Candidate, golden_tolerance, write

CREATED = "2026-11-22T10:00:00Z"


@pytest.fixture
def candidate(digits: ModelVersion, tmp_path: Path) -> Candidate:
    """The shipped network, with variations of its own samples for data."""
    for sample in digits.metadata.samples:
        for number in range(6):
            path = tmp_path / "images" / sample.label / f"{Path(sample.file).stem}-{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            varied(digits.directory / sample.file, number, path)
    (tmp_path / "data").mkdir()
    request = Request(name="digits", where="images", minimum=3)
    import_images(open_source(str(tmp_path / "images")), request, tmp_path / "data")
    data = examples.load(tmp_path / "data")
    predict = runtimes.onnx(digits.model_path)
    trained = predict(data.test.inputs)
    run = Run(
        name="digits",
        framework=digits.metadata.framework,
        data_source="images",
        data_sha256=data.manifest.sha256,
        parameters={"weights": 44_000},
        metrics={},
        course={},
    )
    return Candidate(
        model=digits.model_path,
        run=run,
        data=data,
        data_folder=tmp_path / "data",
        measured=comparison.measure(variant(digits, predict, trained), data.test, trained, 0.01),
        golden=predict(data.golden),
        tolerance=1e-4,
    )


def variant(digits: ModelVersion, predict: runtimes.Predict, trained: NDArray[np.float32]) -> Variant:
    answers = Answers(held_out=trained, golden=trained)
    return Variant(kind=Kind.FLOAT, path=digits.model_path, predict=predict, answers=answers)


def varied(sample: Path, number: int, path: Path) -> None:
    """A copy with so many shades of gray more in a corner."""
    with Image.open(sample) as image:
        image.putpixel((0, 0), number)
        image.save(path)


def put(candidate: Candidate, models: Path, version: str | None = None, *, replace: bool = False) -> str:
    return write(models, candidate, version=version, replace=replace, promote=False, created=CREATED)


def test_a_server_proves_and_serves_what_was_written(candidate: Candidate, tmp_path: Path) -> None:
    assert put(candidate, tmp_path / "models") == "1"

    found = repository.find(tmp_path / "models", "digits")
    proof.prove(found, Settings())
    assert found.metadata.preprocessing == candidate.data.manifest.preprocessing
    assert found.metadata.metrics["held_out_examples"] == len(candidate.data.test)
    assert {sample.label for sample in found.metadata.samples} == set(candidate.data.manifest.labels)
    card = (tmp_path / "models" / "digits" / "README.md").read_text()
    assert f"({candidate.measured.evaluation.right} of {len(candidate.data.test)} right)" in card
    assert "$" not in card


def test_a_wrong_golden_answer_does_not_pass_the_servers_proof(candidate: Candidate, tmp_path: Path) -> None:
    put(dataclasses.replace(candidate, golden=candidate.golden + np.float32(1e-3)), tmp_path / "models")
    with pytest.raises(ModelUnusable, match=r"golden output probabilities differs by 0\.001"):
        proof.prove(repository.find(tmp_path / "models", "digits"), Settings())


def test_the_next_version_is_one_more_and_not_active_unless_promoted(candidate: Candidate, tmp_path: Path) -> None:
    models = tmp_path / "models"
    put(candidate, models, "9")
    assert put(candidate, models) == "10"
    assert repository.active_version(models, "digits") == "9"
    write(models, candidate, version=None, replace=False, promote=True, created=CREATED)
    assert repository.active_version(models, "digits") == "11"


def test_a_version_that_is_there_is_replaced_only_on_request(candidate: Candidate, tmp_path: Path) -> None:
    models = tmp_path / "models"
    put(candidate, models, "1")
    with pytest.raises(TrainingError, match=r"digits/1 is there; name another with --version, or give --replace"):
        put(candidate, models, "1")
    other = dataclasses.replace(candidate, tolerance=0.01)
    put(other, models, "1", replace=True)
    assert json.loads((models / "digits" / "1" / "metadata.json").read_text())["golden"]["tolerance"] == 0.01


def off_by(error: float) -> runtimes.Predict:
    def predict(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full((len(inputs), 2), 0.5 + error, np.float32)

    return predict


@pytest.mark.parametrize(("error", "tolerance"), [(1e-6, 1e-4), (0.0123, 0.025), (-0.05, 0.101)])
def test_a_variant_in_fewer_bits_may_be_twice_as_far_off_as_it_is(error: float, tolerance: float) -> None:
    inputs, expected = np.zeros((3, 1), np.float32), np.full((3, 2), 0.5, np.float32)
    assert golden_tolerance(off_by(error), inputs, expected) == pytest.approx(tolerance, abs=1e-3)


@pytest.mark.parametrize("error", [0.2, np.nan])
def test_a_golden_check_that_would_forgive_anything_is_refused(error: float) -> None:
    with pytest.raises(TrainingError, match=r"must be within 0\.1 of Keras's, got"):
        golden_tolerance(off_by(error), np.zeros((3, 1), np.float32), np.full((3, 2), 0.5, np.float32))


def test_a_variant_that_loses_more_than_it_may_is_refused(candidate: Candidate, digits: ModelVersion) -> None:
    data, predict = candidate.data, runtimes.onnx(digits.model_path)
    trained = predict(data.test.inputs)

    def wrong_once(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        answers = predict(inputs)
        if len(inputs) > 1:
            answers[0] = np.roll(answers[0], 1)
        return answers

    share = 1 / len(data.test)
    worse = variant(digits, wrong_once, trained)
    kept = comparison.measure(worse, data.test, trained, share * 1.01)
    refused = comparison.measure(worse, data.test, trained, share * 0.99)

    assert kept.drop == pytest.approx(share)
    assert (kept.refused, refused.refused) == (False, True)
    assert "refused: a drop over" in comparison.markdown([refused], share * 0.99)
    comparison.check_kept(kept, share * 1.01)
    with pytest.raises(RefusedModelError, match=r"of float may drop by at most .*%, got .*%; choose another variant"):
        comparison.check_kept(refused, share * 0.99)


def test_a_run_is_not_judged_by_other_data_than_its_own(candidate: Candidate) -> None:
    check_same_data(candidate.run, candidate.data.manifest)
    other = candidate.data.manifest.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(TrainingError, match="the data must be what the run learned from"):
        check_same_data(candidate.run, other)
