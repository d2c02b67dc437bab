"""The files of one model version: the network, its metadata, its golden answers and its sample images."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference_app.staging.files import write_json
from inference_app.training.data import HEIGHT, LABELS, OFFSET, SCALE, WIDTH, Examples
from inference_app.training.evaluation import TOLERANCE, Evaluation
from inference_app.training.network import FRAMEWORK, INPUT, OUTPUT

MODEL = "model.onnx"
GOLDEN = "golden.json"
METADATA = "metadata.json"


def write_samples(folder: Path, samples: Examples) -> list[dict[str, str]]:
    """Writes each image as a gray PNG; returns the file (relative to `folder`) and label of each."""
    (folder / "samples").mkdir()
    entries: list[dict[str, str]] = []
    for number, (pixels, label) in enumerate(zip(samples.pixels, samples.labels, strict=True)):
        file = f"samples/{number:02}.png"
        Image.fromarray(pixels).save(folder / file)
        entries.append({"file": file, "label": LABELS[label]})
    return entries


def write_golden(folder: Path, inputs: NDArray[np.float32], outputs: NDArray[np.float32]) -> None:
    """Writes what the model must answer, `outputs` as Keras gave them, to float32 [n, 8, 8, 1] `inputs`."""
    golden = {"inputs": {INPUT: inputs.tolist()}, "outputs": {OUTPUT: outputs.tolist()}}
    write_json(folder / GOLDEN, golden, indent=None)


def write_metadata(
    folder: Path, *, name: str, version: str, created: str, samples: list[dict[str, str]], evaluation: Evaluation
) -> None:
    """Writes what a server must know of the version whose files are in `folder`; `created` is RFC 3339."""
    metadata: dict[str, Any] = {
        "name": name,
        "version": version,
        "created": created,
        "framework": FRAMEWORK,
        "sha256": hashlib.sha256((folder / MODEL).read_bytes()).hexdigest(),
        "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, HEIGHT, WIDTH, 1]}],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, len(LABELS)]}],
        "labels": list(LABELS),
        "preprocessing": {
            "kind": "image",
            "width": WIDTH,
            "height": HEIGHT,
            "mode": "L",
            "scale": SCALE,
            "offset": OFFSET,
        },
        "golden": {"file": GOLDEN, "tolerance": TOLERANCE},
        "samples": samples,
        "metrics": {"held_out_accuracy": evaluation.accuracy, "held_out_examples": evaluation.examples},
    }
    write_json(folder / METADATA, metadata)
