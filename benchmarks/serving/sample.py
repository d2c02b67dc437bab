"""The example that every client sends, and the answer that every server must give."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = {"FP32": np.float32, "INT64": np.int64}


class WrongAnswer(Exception):  # noqa: N818 - it is the answer that is wrong
    """A server answered something else than the model's output; its row is void."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One example of a model: inputs with a batch axis of 1, the expected output row, and for images a JPEG."""

    model: str
    inputs: Mapping[str, NDArray[Any]]
    datatypes: Mapping[str, str]
    output: str
    expected: NDArray[Any]
    tolerance: float
    label: str | None
    jpeg: bytes | None

    def check_row(self, row: Any) -> None:
        """Raise `WrongAnswer` unless `row` is the expected output within tolerance."""
        array = np.asarray(row, np.float64).reshape(-1)
        if array.shape != self.expected.shape:
            raise WrongAnswer(f"expected {self.expected.size} numbers, got {array.size}")
        difference = float(np.abs(array - self.expected).max())
        if not difference <= self.tolerance:
            raise WrongAnswer(f"the output differs by {difference:.2g}, more than {self.tolerance:g}")

    def check_label(self, label: object) -> None:
        """Raise `WrongAnswer` unless `label` is the expected one."""
        if label != self.label:
            raise WrongAnswer(f"expected label {self.label}, got {label}")


def load(directory: Path) -> Sample:
    """The first example of a version's golden file; its label is the one of the greatest output."""
    metadata = json.loads((directory / "metadata.json").read_bytes())
    golden = json.loads((directory / "golden.json").read_bytes())
    datatypes = {spec["name"]: spec["datatype"] for spec in metadata["inputs"]}
    output = metadata["outputs"][0]["name"]
    expected = np.asarray(golden["outputs"][output][0], np.float64)
    photo = directory / "photo.jpg"
    return Sample(
        model=metadata["name"],
        inputs={name: np.asarray(golden["inputs"][name][:1], DTYPES[kind]) for name, kind in datatypes.items()},
        datatypes=datatypes,
        output=output,
        expected=expected,
        tolerance=metadata["golden"]["tolerance"],
        label=metadata["labels"][int(expected.argmax())] if metadata["labels"] else None,
        jpeg=photo.read_bytes() if photo.is_file() else None,
    )
