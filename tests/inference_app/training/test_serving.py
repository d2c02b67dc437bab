"""What a model learns from is what the server will feed it, bit by bit."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference_app.preprocessing.declarations import ImagePreprocessing
from inference_app.protocols.predict import PredictCodec
from inference_app.repository import ModelVersion
from inference_app.training.dataset.importing import Request, import_images
from inference_app.training.dataset.manifest import INPUTS
from inference_app.training.dataset.reading import INPUT, input_spec
from inference_app.training.dataset.sources import open_source

GRAY = {"width": 5, "height": 7, "mode": "L", "scale": 1 / 255}
COLOUR = {
    "width": 6,
    "height": 4,
    "mode": "RGB",
    "resize": "center_crop",
    "shortest_side": 8,
    "interpolation": "bicubic",
    "scale": 1 / 255,
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}


@pytest.mark.parametrize("declared", [GRAY, COLOUR], ids=["gray", "colour"])
def test_training_and_serving_prepare_every_kind_of_image_the_same(
    digits: ModelVersion, tmp_path: Path, declared: dict[str, Any]
) -> None:
    declaration = ImagePreprocessing.model_validate({"kind": "image", **declared})
    bodies = {f"{label}/{number}.{kind}": body(kind, seed) for label, number, kind, seed in kinds()}
    for file, content in bodies.items():
        (tmp_path / "images" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / file).write_bytes(content)
    (tmp_path / "data").mkdir()

    request = Request(name="all", where="images", declaration=declaration, minimum=3)
    found = import_images(open_source(str(tmp_path / "images")), request, tmp_path / "data")
    learned = np.load(tmp_path / "data" / INPUTS)

    server = serving(digits, declaration)
    for entry, row in zip(found.examples, learned, strict=True):
        kind = "image/png" if entry.file.endswith(".png") else "image/jpeg"
        served = server.parse(bodies[entry.file], {b"content-type": kind.encode()}).inputs[INPUT]
        assert served.dtype == row.dtype == np.float32
        assert served.tobytes() == row.tobytes()


def kinds() -> list[tuple[str, int, str, int]]:
    return [
        (label, number, kind, 10 * number + (label == "b"))
        for label in ("a", "b")
        for number in range(3)
        for kind in ("png", "jpg")
    ]


def body(kind: str, seed: int) -> bytes:
    """Gray, colour with transparency, 16 bits deep, or on its side by EXIF; each seed another size."""
    generator, content = np.random.default_rng(seed), io.BytesIO()
    height, width = 9 + seed, 12
    if kind == "jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        image = Image.fromarray(generator.integers(0, 256, (height, width, 3), np.uint8))
        image.save(content, "JPEG", exif=exif)
    elif seed % 2:
        Image.fromarray(generator.integers(0, 2**16, (height, width), np.uint16)).save(content, "PNG")
    else:
        Image.fromarray(generator.integers(0, 256, (height, width, 4), np.uint8)).save(content, "PNG")
    return content.getvalue()


def serving(digits: ModelVersion, declaration: ImagePreprocessing) -> PredictCodec:
    changes = {"preprocessing": declaration, "inputs": (input_spec(declaration),)}
    return PredictCodec(ModelVersion(digits.directory, digits.metadata.model_copy(update=changes)))
