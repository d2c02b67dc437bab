"""data.json: what a data set is, and how it came to be."""

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from inference_app.preprocessing.declarations import ImagePreprocessing
from inference_app.training.dataset.split import Part
from inference_app.training.errors import TrainingError

FILE, INPUTS, SAMPLES = "data.json", "inputs.npy", "samples"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Frozen):
    """An example: a row of the arrays, in order."""

    file: str
    label: str
    part: Part
    sha256: str
    """Of what the model sees."""


class Sample(_Frozen):
    """An image of the held-out part as the source has it, beside data.json."""

    file: str
    label: str
    row: int


class Manifest(_Frozen):
    """The content of data.json."""

    name: str
    source: str
    seed: int
    share: float
    labels: tuple[str, ...]
    preprocessing: ImagePreprocessing
    about: str = ""
    """Of the data, in Markdown: whose it is, and under which licence."""
    sha256: str
    """Of every example's label, part and digest."""
    counts: dict[Part, dict[str, int]]
    looks: dict[str, int]
    """How many images have which size and mode themselves."""
    left_out: tuple[str, ...] = ()
    samples: tuple[Sample, ...]
    examples: tuple[Entry, ...]

    def rows(self, part: Part) -> NDArray[np.int64]:
        """The rows of a part's examples."""
        return np.array([row for row, entry in enumerate(self.examples) if entry.part is part], np.int64)


def count(entries: list[Entry]) -> dict[Part, dict[str, int]]:
    """Examples by part and label."""
    found = Counter((entry.part, entry.label) for entry in entries)
    labels = sorted({entry.label for entry in entries})
    return {part: {label: found[part, label] for label in labels} for part in Part}


def read(folder: Path) -> Manifest:
    """The data.json of a folder that `data` wrote; raises `TrainingError`."""
    path = folder / FILE
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise TrainingError(f"{folder} must be a folder that `data` wrote, got one without {FILE}") from None
    except ValidationError as error:
        raise TrainingError(
            f"{path} must be as `data` writes it; run `data` again: {error.errors()[0]['msg']}"
        ) from None
