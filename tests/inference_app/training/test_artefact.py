"""The model version that the repository ships, judged by its files alone."""

import hashlib
import importlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

ort: Any = importlib.import_module("onnxruntime")  # ships no type information
MODEL = Path(__file__).parents[3] / "inference_app" / "model_repository" / "digits"
ACTIVE: str = json.loads((MODEL / "active.json").read_text())["version"]
VERSION = MODEL / ACTIVE
METADATA: dict[str, Any] = json.loads((VERSION / "metadata.json").read_text())
GOLDEN: dict[str, Any] = json.loads((VERSION / "golden.json").read_text())
SAMPLES: list[dict[str, str]] = METADATA["samples"]


def test_metadata_names_the_folders_it_lies_in() -> None:
    assert (METADATA["name"], METADATA["version"]) == (MODEL.name, ACTIVE)


def test_the_checksum_is_that_of_the_model_file() -> None:
    assert METADATA["sha256"] == hashlib.sha256((VERSION / "model.onnx").read_bytes()).hexdigest()


def test_the_creation_time_has_a_time_zone() -> None:
    assert datetime.fromisoformat(METADATA["created"]).tzinfo is not None


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_metadata_describes_the_tensors_that_the_model_has(side: str) -> None:
    session = _session()
    tensors = session.get_inputs() if side == "inputs" else session.get_outputs()
    described = [(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in METADATA[side]]
    found = [(tensor.name, _datatype(tensor.type), _shape(tensor.shape)) for tensor in tensors]
    assert described == found


def test_onnx_runtime_gives_the_golden_answers() -> None:
    answers = _predict(_golden("inputs"))
    assert np.abs(answers - _golden("outputs")).max() <= METADATA["golden"]["tolerance"] <= 1e-4


def test_an_answer_does_not_depend_on_the_batch_it_came_in() -> None:
    images = np.concatenate([_pixels(sample) for sample in SAMPLES])
    together = _predict(images)
    alone = np.concatenate([_predict(image[np.newaxis]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_golden_input_is_what_preprocessing_makes_of_the_first_samples() -> None:
    golden = _golden("inputs")
    images = np.concatenate([_pixels(sample) for sample in SAMPLES[: len(golden)]])
    np.testing.assert_array_equal(images, golden)


def test_the_samples_are_a_dozen_gray_images_of_all_ten_digits() -> None:
    images = [_image(sample) for sample in SAMPLES]
    assert len(images) >= 12
    assert {(image.format, image.mode, image.size) for image in images} == {("PNG", "L", (8, 8))}
    assert sorted({sample["label"] for sample in SAMPLES}) == METADATA["labels"] == list("0123456789")


def test_no_sample_is_shipped_twice_or_left_unlisted() -> None:
    files = sorted(path.relative_to(VERSION).as_posix() for path in (VERSION / "samples").iterdir())
    assert files == sorted(sample["file"] for sample in SAMPLES)
    assert len({(VERSION / file).read_bytes() for file in files}) == len(files)


def test_the_model_reads_most_samples_right() -> None:
    answers = _predict(np.concatenate([_pixels(sample) for sample in SAMPLES])).argmax(axis=1)
    right = [METADATA["labels"][answer] == sample["label"] for answer, sample in zip(answers, SAMPLES, strict=True)]
    assert sum(right) >= len(SAMPLES) - 1


def test_the_stated_accuracy_is_at_least_97_percent_and_the_same_in_the_readme() -> None:
    metrics = METADATA["metrics"]
    assert 0.97 <= metrics["held_out_accuracy"] <= 1
    right = round(metrics["held_out_accuracy"] * metrics["held_out_examples"])
    assert f"({right} of {metrics['held_out_examples']} right)" in (MODEL / "README.md").read_text()


def test_the_repository_stays_small_and_whole() -> None:
    files = [path for path in MODEL.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 300_000
    assert not list(MODEL.rglob(".*"))


def _session() -> Any:
    return ort.InferenceSession(VERSION / "model.onnx", providers=["CPUExecutionProvider"])


def _predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(_session().run(["probabilities"], {"image": images})[0], dtype=np.float32)


def _golden(side: str) -> NDArray[np.float32]:
    (tensor,) = GOLDEN[side].values()
    return np.asarray(tensor, dtype=np.float32)


def _image(sample: dict[str, str]) -> Image.Image:
    with Image.open(VERSION / sample["file"]) as image:
        image.load()
        return image


def _pixels(sample: dict[str, str]) -> NDArray[np.float32]:
    """One image as the metadata says to prepare it: float32 [1, 8, 8, 1]."""
    rule = METADATA["preprocessing"]
    pixels = np.asarray(_image(sample), dtype=np.float32)
    scaled = pixels * np.float32(rule["scale"]) + np.float32(rule["offset"])
    return scaled.reshape(1, rule["height"], rule["width"], 1)


def _datatype(onnx_type: str) -> str:
    return {"tensor(float)": "FP32"}[onnx_type]


def _shape(dimensions: list[int | str]) -> list[int]:
    return [dimension if isinstance(dimension, int) else -1 for dimension in dimensions]
