"""What making a model smaller brings and costs."""

import gzip
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_app.training.dataset.examples import Examples
from inference_app.training.errors import RefusedModelError
from inference_app.training.evaluation import Evaluation, difference, evaluate
from inference_app.training.runtimes import Predict, predict_all
from inference_app.training.variant import Kind, Variant

WARM_UP, ROUNDS = 20, 200


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Of one variant on the held-out part: bytes, microseconds for one image on one thread, shares from 0 to 1."""

    kind: Kind
    size: int
    compressed: int
    microseconds: float
    evaluation: Evaluation
    drop: float
    difference: float
    """The largest, of any probability from the trained network's."""
    refused: bool

    @property
    def fields(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "variant": self.kind,
            "file": self.kind.file,
            "bytes": self.size,
            "gzip_bytes": self.compressed,
            "microseconds": round(self.microseconds, 1),
            "accuracy": self.evaluation.accuracy,
            "accuracy_drop": self.drop,
            "largest_difference": self.difference,
            "refused": self.refused,
        }


def measure(variant: Variant, held_out: Examples, trained: NDArray[np.float32], max_drop: float) -> Measurement:
    """Compares a variant with what the trained network answered to the held-out images."""
    answers, content = predict_all(variant.predict, held_out.inputs), variant.path.read_bytes()
    evaluation = evaluate(held_out.labels, answers)
    drop = evaluate(held_out.labels, trained).accuracy - evaluation.accuracy
    return Measurement(
        kind=variant.kind,
        size=len(content),
        compressed=len(gzip.compress(content, mtime=0)),
        microseconds=microseconds(variant.predict, held_out.inputs),
        evaluation=evaluation,
        drop=drop,
        difference=difference(answers, trained),
        refused=not drop <= max_drop,
    )


def check_kept(found: Measurement, max_drop: float) -> None:
    """Raises `RefusedModelError` for a variant that was refused."""
    if found.refused:
        raise RefusedModelError(
            f"held-out accuracy of {found.kind} may drop by at most {max_drop:.2%}, got {found.drop:.2%}; choose "
            "another variant, or allow it with --max-accuracy-drop; no version was written"
        )


def microseconds(predict: Predict, inputs: NDArray[np.float32]) -> float:
    """The median time for one image."""
    images = [inputs[number % len(inputs)][np.newaxis] for number in range(WARM_UP + ROUNDS)]
    times: list[float] = []
    for image in images:
        begun = time.perf_counter()
        predict(image)
        times.append(time.perf_counter() - begun)
    return statistics.median(times[WARM_UP:]) * 1e6


def markdown(measurements: Iterable[Measurement], max_drop: float) -> str:
    """The table for people."""
    heading = ["Variant", "KiB", "KiB, gzip", "Microseconds", "Accuracy", "Drop", "Largest difference", ""]
    rows = [heading, ["---", *["---:"] * 6, "---"], *(_row(each, max_drop) for each in measurements)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(each: Measurement, max_drop: float) -> list[str]:
    return [
        f"`{each.kind}`",
        f"{each.size / 1024:.1f}",
        f"{each.compressed / 1024:.1f}",
        f"{each.microseconds:.0f}",
        f"{each.evaluation.accuracy:.4f}",
        f"{each.drop:.4f}",
        f"{each.difference:.1e}",
        f"refused: a drop over {max_drop:g}" if each.refused else "",
    ]
