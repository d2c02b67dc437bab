"""A version in a model repository: the network, its metadata, its golden answers, its samples and its card."""

import hashlib
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_app.repository.metadata import Metadata
from inference_app.staging import record
from inference_app.staging.files import staged_version, write_json, write_text
from inference_app.staging.lock import locked
from inference_app.training.comparison import Measurement
from inference_app.training.dataset.examples import DataSet
from inference_app.training.dataset.manifest import SAMPLES
from inference_app.training.dataset.reading import INPUT, input_spec
from inference_app.training.errors import TrainingError
from inference_app.training.evaluation import TOLERANCE, Evaluation, difference
from inference_app.training.run import OUTPUT, Run
from inference_app.training.runtimes import Predict

MODEL, METADATA, GOLDEN, CARD = "model.onnx", "metadata.json", "golden.json", "README.md"
MOST_TOLERANCE = 0.2
"""Of a probability; a golden check that forgives more than this would forgive a wrong model."""

_CARD = Path(__file__).parent / "files" / "card.md"
_LABELS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A variant that may be served, and what Keras answers to `data.golden`, within `tolerance`."""

    model: Path
    run: Run
    data: DataSet
    data_folder: Path
    measured: Measurement
    golden: NDArray[np.float32]
    tolerance: float


def golden_tolerance(predict: Predict, inputs: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """How far a number may be off from Keras's in the golden check: `TOLERANCE`, or for a variant in fewer bits twice
    what it is off here, since another processor rounds otherwise.

    Raises `TrainingError` over `MOST_TOLERANCE`.
    """
    found = difference(predict(inputs), expected)
    if found <= TOLERANCE:
        return TOLERANCE
    if not 2 * found <= MOST_TOLERANCE:
        raise TrainingError(
            f"golden answers must be within {MOST_TOLERANCE / 2:g} of Keras's, got {found:.2g}; choose another variant"
        )
    return math.ceil(2 * found * 1000) / 1000


def write(
    repository: Path, candidate: Candidate, *, version: str | None, replace: bool, promote: bool, created: str
) -> str:
    """Writes a version, the next number unless named, active if it is the first or to be promoted; returns its name.

    `created` is RFC 3339. Raises `TrainingError` where the version is there and is not to be replaced.
    """
    model = repository / candidate.run.name
    with locked(model):
        name = version or _next(model)
        if not replace:
            check_free(model / name)
        with staged_version(model, name) as folder:
            _fill(folder, candidate, name, created)
        if promote or record.read(model) is None:
            record.activate(model, name)
            write_text(model / CARD, _card(candidate))
    return name


def check_free(folder: Path) -> None:
    """Raise `TrainingError` where a version is there."""
    if folder.exists():
        raise TrainingError(f"{folder} is there; name another with --version, or give --replace")


def _next(model: Path) -> str:
    numbers = [int(path.name) for path in model.iterdir() if path.name.isdecimal()]
    return str(max(numbers, default=0) + 1)


def _fill(folder: Path, candidate: Candidate, version: str, created: str) -> None:
    shutil.copyfile(candidate.model, folder / MODEL)
    shutil.copytree(candidate.data_folder / SAMPLES, folder / SAMPLES)
    inputs, outputs = candidate.data.golden, candidate.golden
    write_json(
        folder / GOLDEN, {"inputs": {INPUT: inputs.tolist()}, "outputs": {OUTPUT: outputs.tolist()}}, indent=None
    )
    metadata = _metadata(candidate, version, created, hashlib.sha256((folder / MODEL).read_bytes()).hexdigest())
    Metadata.model_validate(metadata)
    write_json(folder / METADATA, metadata)


def _metadata(candidate: Candidate, version: str, created: str, sha256: str) -> dict[str, Any]:
    data, measured = candidate.data.manifest, candidate.measured
    outputs = {"name": OUTPUT, "datatype": "FP32", "shape": [-1, len(data.labels)]}
    return {
        "name": candidate.run.name,
        "version": version,
        "created": created,
        "framework": candidate.run.framework,
        "sha256": sha256,
        "inputs": [input_spec(data.preprocessing).model_dump(mode="json")],
        "outputs": [outputs],
        "labels": list(data.labels),
        "preprocessing": data.preprocessing.model_dump(mode="json", exclude_defaults=True),
        "golden": {"file": GOLDEN, "tolerance": candidate.tolerance},
        "samples": [{"file": sample.file, "label": sample.label} for sample in data.samples],
        "metrics": {
            "held_out_accuracy": measured.evaluation.accuracy,
            "held_out_macro_f1": measured.evaluation.macro_f1,
            "held_out_examples": measured.evaluation.examples,
            "accuracy_drop": measured.drop,
        },
    }


def _card(candidate: Candidate) -> str:
    data, run, evaluation = candidate.data, candidate.run, candidate.measured.evaluation
    return (
        Template(_CARD.read_text(encoding="utf-8"))
        .substitute(
            name=run.name,
            variant=candidate.measured.kind,
            framework=run.framework,
            weights=f"{run.parameters['weights']:,}",
            input=INPUT,
            output=OUTPUT,
            shape=", ".join(map(str, data.manifest.preprocessing.shape)),
            classes=len(data.manifest.labels),
            train=f"{len(data.train):,}",
            validation=f"{len(data.validation):,}",
            held_out=evaluation.examples,
            right=evaluation.right,
            accuracy=f"{evaluation.accuracy:.2%}",
            macro_f1=f"{evaluation.macro_f1:.4f}",
            tolerance=candidate.tolerance,
            confusion=_confusion(evaluation, data.manifest.labels),
            source=run.data_source,
            data_sha256=run.data_sha256,
            about=data.manifest.about.strip(),
        )
        .rstrip()
        + "\n"
    )


def _confusion(evaluation: Evaluation, labels: tuple[str, ...]) -> str:
    if len(labels) > _LABELS_SHOWN:
        return ""
    rows = [["", *labels], ["---:"] * (len(labels) + 1)]
    for label, counts in zip(labels, evaluation.confusion, strict=True):
        rows.append([f"**{label}**", *(str(count) if count else "" for count in counts)])
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"Rows are true labels, columns answers:\n\n{table}"
