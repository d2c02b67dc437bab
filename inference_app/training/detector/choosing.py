"""Which detector of several: the one that catches most of an attack on the validation part."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_app.training.dataset.examples import DataSet
from inference_app.training.detector.remainder import Remainder, candidates, threshold

if TYPE_CHECKING:  # brings TensorFlow
    from inference_app.training.detector.attacks import Attacker

logger = logging.getLogger(__name__)

WORTH_MORE = 0.005
"""Of the attacked inputs; a detector that catches fewer more than another is no better."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Shares from 0 to 1, and the largest change of a pixel in attacks, on a scale from 0 to 1."""

    false_positives: float
    least_caught: float
    epsilon: float


def choose(data: DataSet, attacker: "Attacker", limits: Limits) -> Remainder:
    """The detector that catches most; of equals the one that keeps most, which is the smallest file.

    Raises `TrainingError` where inputs are too large or the validation images too few.
    """
    attacked = attacker.fgsm(data.validation)
    best, most = None, -1.0
    for each in candidates(data.train.inputs):
        limit = threshold(each.scores(data.validation.inputs), limits.false_positives)
        caught = float((each.scores(attacked) > limit).mean())
        logger.info("Keeping %4d components catches %.1f%% of FGSM in validation", each.kept, 100 * caught)
        if best is None or caught >= most - WORTH_MORE:
            best, most = each, max(caught, most)
    assert best is not None  # noqa: S101 - there is always a candidate
    return best
