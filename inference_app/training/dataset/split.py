"""Which examples train, which choose when to stop, and which judge the result."""

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum

import numpy as np


class Part(StrEnum):
    """Of a data set; no image is in two."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


FEWEST = len(Part)
"""Different images that a label needs to be in every part."""


def split(labels: Sequence[str], digests: Sequence[str], share: float, seed: int) -> list[Part]:
    """The part of each example: `share` of each label's different images validates, as many test, at least one each.

    Images with the same digest go to the same part. The seed and the images decide; their names and order do not.
    """
    images: dict[str, set[str]] = defaultdict(set)
    for label, digest in zip(labels, digests, strict=True):
        images[label].add(digest)
    generator = np.random.default_rng(seed)
    parts: dict[str, Part] = {}
    for label in sorted(images):
        shuffled = generator.permutation(sorted(images[label])).tolist()
        parts |= zip(shuffled, _sequence(len(shuffled), share), strict=True)
    return [parts[digest] for digest in digests]


def _sequence(count: int, share: float) -> list[Part]:
    """So many parts, in the order validation, test, train."""
    each = max(1, round(count * share))
    return [Part.VALIDATION] * each + [Part.TEST] * each + [Part.TRAIN] * (count - 2 * each)
