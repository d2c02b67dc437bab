"""From a trained network and its data to a detector that keeps what it promises, and what it is worth."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from inference_app.training import runtimes
from inference_app.training.comparison import microseconds
from inference_app.training.dataset.examples import DataSet
from inference_app.training.detector import attacks, measuring, remainder
from inference_app.training.detector.attacks import Attacker
from inference_app.training.detector.choosing import Limits, choose
from inference_app.training.detector.measuring import Inputs, Measurement
from inference_app.training.errors import RefusedModelError
from inference_app.training.evaluation import check_agreement
from inference_app.training.published import Published
from inference_app.training.runtimes import Predict, predict_all
from inference_app.training.version import MODEL

METHOD = "mean absolute remainder without the principal components of the training images"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The score that no input may exceed, and what the detector does with the held-out part."""

    threshold: float
    measured: Measurement
    report: Mapping[str, Any]


def train(model: keras.Model, served: Published, data: DataSet, limits: Limits, others: Inputs, file: Path) -> Trained:
    """Write the detector of `served`, which `model` is in Keras, to `file`; `others` is foreign data, by name.

    The train part gives the components, the validation part how many to keep and the threshold, the test part the
    measurement. Raises `TrainingError`: `RefusedModelError` for a detector that misses a limit.
    """
    pixels = attacks.pixels(data.manifest.preprocessing)
    attacker = Attacker(model, pixels, limits.epsilon)
    detector = choose(data, attacker, limits)
    (spec,) = served.metadata.inputs
    remainder.write_onnx(detector, spec.name, spec.shape[1:], file)
    judge = runtimes.onnx(file)
    held_out = data.test.inputs
    check_agreement("the detector in ONNX Runtime", predict_all(judge, held_out), detector.scores(held_out))
    threshold = remainder.threshold(predict_all(judge, data.validation.inputs), limits.false_positives)
    _check_golden(judge, threshold, served)
    strange = {**attacks.foreign(held_out, pixels), **others}
    known = measuring.attacked(attacker, detector, data.test)
    measured = measuring.measure(model, judge, threshold, data.test.labels, known, strange)
    measured.check(limits)
    report = {
        "method": METHOD,
        "kept_components": detector.kept,
        "input_values": len(detector.mean),
        **vars(limits),
        "threshold": threshold,
        **measured.fields,
        "microseconds": _cost(served, judge, data),
        "data_sha256": data.manifest.sha256,
        "model_sha256": served.metadata.sha256,
    }
    return Trained(threshold=threshold, measured=measured, report=report)


def _check_golden(judge: Predict, threshold: float, served: Published) -> None:
    """A server refuses a version whose detector refuses the golden input."""
    golden = json.loads((served.folder / served.metadata.golden.file).read_bytes())
    scores = judge(np.array(golden["inputs"][served.metadata.inputs[0].name], np.float32))
    if scores.max() > threshold:
        raise RefusedModelError(
            f"golden inputs must score at most {threshold:.4g}, got {scores.max():.4g}; give a larger "
            "--false-positives, or split the data with another seed"
        )


def _cost(served: Published, judge: Predict, data: DataSet) -> dict[str, float]:
    """Median times for one input on one thread."""
    predictors = {"model": runtimes.onnx(served.folder / MODEL), "detector": judge}
    return {name: round(microseconds(predict, data.test.inputs), 1) for name, predict in predictors.items()}
