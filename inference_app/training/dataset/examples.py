"""A data set as networks take it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference_app.training.dataset import manifest
from inference_app.training.dataset.manifest import Manifest
from inference_app.training.dataset.split import Part

GOLDEN_EXAMPLES = 4


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Inputs and labels in step: float32 [n, height, width, channels] as the server feeds them, and int64 [n]."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Three parts that share no image, and what is known of them."""

    manifest: Manifest
    train: Examples
    validation: Examples
    test: Examples
    golden: NDArray[np.float32]
    """The inputs of the first samples, by whose answers a version is known to be right."""

    @property
    def parts(self) -> tuple[Examples, Examples, Examples]:
        """Train, validation, test."""
        return self.train, self.validation, self.test


def load(folder: Path) -> DataSet:
    """The data set that `data` wrote, all of it in memory; raises `TrainingError`."""
    found = manifest.read(folder)
    inputs = np.load(folder / manifest.INPUTS, mmap_mode="r")
    number = {label: index for index, label in enumerate(found.labels)}
    labels = np.array([number[entry.label] for entry in found.examples], np.int64)

    def examples(part: Part) -> Examples:
        rows = found.rows(part)
        return Examples(inputs=np.asarray(inputs[rows]), labels=labels[rows])

    return DataSet(
        manifest=found,
        train=examples(Part.TRAIN),
        validation=examples(Part.VALIDATION),
        test=examples(Part.TEST),
        golden=np.asarray(inputs[[sample.row for sample in found.samples[:GOLDEN_EXAMPLES]]]),
    )
