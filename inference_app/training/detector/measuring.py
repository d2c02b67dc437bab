"""What a detector refuses, of clean inputs and of others, measured with the ONNX file that is served."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inference_app.training.dataset.examples import Examples
from inference_app.training.detector.choosing import Limits
from inference_app.training.detector.remainder import Remainder
from inference_app.training.errors import RefusedModelError
from inference_app.training.evaluation import evaluate
from inference_app.training.runtimes import Predict, predict_all

if TYPE_CHECKING:  # bring TensorFlow
    import keras

    from inference_app.training.detector.attacks import Attacker

CLEAN, FGSM, INFORMED = "clean", "fgsm", "pgd that knows the detector"
CHANCE = 2
"""Times the false positives that were asked for, which so few images may show by chance."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Shares of the inputs of each kind, 0 to 1: `refused` by the detector, and rightly named by the model alone."""

    examples: int
    refused: Mapping[str, float]
    model_accuracy: Mapping[str, float]

    @property
    def fields(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self)

    def check(self, limits: Limits) -> None:
        """Raise `RefusedModelError` for a detector that catches too little, or refuses too much."""
        caught, refused = self.refused[FGSM], self.refused[CLEAN]
        if caught < limits.least_caught:
            raise RefusedModelError(
                f"FGSM must be caught in at least {limits.least_caught:.0%} of the held-out images, got {caught:.1%}; "
                "bring more images, or give a larger --false-positives"
            )
        if refused > CHANCE * limits.false_positives:
            raise RefusedModelError(
                f"clean held-out images must be refused in {limits.false_positives:.1%}, or by chance "
                f"{CHANCE * limits.false_positives:.1%}, got {refused:.1%}; bring more images for validation"
            )

    def table(self) -> str:
        """The same for people."""
        rows = [f"{kind:28} {share:8.1%}  {self._named(kind):>8}" for kind, share in self.refused.items()]
        return "\n".join([f"{'held-out inputs':28} {'refused':>8}  {'accuracy':>8}", *rows])

    def _named(self, kind: str) -> str:
        return f"{self.model_accuracy[kind]:.1%}" if kind in self.model_accuracy else ""


Inputs: TypeAlias = Mapping[str, NDArray[np.float32]]
"""By kind, each float32 [n, height, width, channels]."""


def attacked(attacker: "Attacker", detector: Remainder, held_out: Examples) -> Inputs:
    """The held-out images as they are, and as attackers of more and more means leave them."""
    return {
        CLEAN: held_out.inputs,
        FGSM: attacker.fgsm(held_out),
        f"pgd, {attacker.steps} steps": attacker.pgd(held_out),
        INFORMED: attacker.informed(held_out, detector.without),
    }


def measure(
    model: "keras.Model", judge: Predict, threshold: float, labels: NDArray[np.int64], known: Inputs, strange: Inputs
) -> Measurement:
    """What a detector makes of `known` inputs, which have those labels, and of `strange` ones, which have none."""
    accuracy = {kind: evaluate(labels, model.predict(inputs, verbose=0)).accuracy for kind, inputs in known.items()}
    refused = {
        kind: float((predict_all(judge, inputs) > threshold).mean()) for kind, inputs in {**known, **strange}.items()
    }
    return Measurement(examples=len(labels), refused=refused, model_accuracy=accuracy)
