"""What a model must answer: the golden inference that lies beside each version in the model repository.

It is what a server proves itself with before it is ready, so a right endpoint gives it within the same tolerance.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from infra.smoke.errors import InputError
from infra.smoke.tensors import Array, Tensor, difference

EXAMPLES = 1
"""How many of the golden examples are sent: one fits every target's payload limit."""


class Mismatch(Exception):  # noqa: N818 - a verdict on an answer
    """An answer that cannot even be subtracted from the golden one."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """One version's sample input and the output that the training framework computed for it."""

    model: str
    version: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    tolerance: float
    raw_inputs: bool
    """Whether `/invocations` takes the inputs as they are: no tokenizer, column or hook of the model's comes first."""

    def difference(self, outputs: Mapping[str, Array]) -> float:
        """The largest absolute difference of any number, NaN where one is none.

        Raises `Mismatch` for a missing output or another shape.
        """
        return float(np.max([self._difference(expected, outputs) for expected in self.outputs]))

    def _difference(self, expected: Tensor, outputs: Mapping[str, Array]) -> float:
        actual, wanted = outputs.get(expected.name), expected.values
        if actual is None:
            raise Mismatch(f"the answer lacks the output {expected.name}, it has {', '.join(outputs) or 'none'}")
        if actual.shape != wanted.shape:
            raise Mismatch(f"output {expected.name} has the shape {list(actual.shape)}, not {list(wanted.shape)}")
        return difference(actual, wanted)


def active_version(repository: Path, model: str) -> str:
    """The version that the repository's active.json names; raises `InputError`."""
    return str(_read(repository / model / "active.json")["version"])


def read(repository: Path, model: str, version: str) -> Golden:
    """A version's golden inference, cut to `EXAMPLES`; raises `InputError` where there is none."""
    directory = repository / model / version
    metadata = _read(directory / "metadata.json")
    try:
        return _golden(model, version, metadata, _read(directory / metadata["golden"]["file"]))
    except (KeyError, TypeError) as error:
        raise InputError(f"{directory} has no golden output that can be read: {type(error).__name__} {error}") from None


def _golden(model: str, version: str, metadata: dict[str, Any], content: dict[str, Any]) -> Golden:
    preprocessing: dict[str, Any] = metadata.get("preprocessing") or {}
    return Golden(
        model=model,
        version=version,
        inputs=_tensors(content["inputs"], metadata["inputs"]),
        outputs=_tensors(content["outputs"], metadata["outputs"]),
        tolerance=metadata["golden"]["tolerance"],
        raw_inputs=preprocessing.get("kind", "image") == "image" and not metadata.get("hook_sha256"),
    )


def _tensors(values: Mapping[str, Any], specs: list[dict[str, Any]]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(name=name, datatype=datatype, data=values[name][:EXAMPLES])
        for name, datatype in ((spec["name"], spec["datatype"]) for spec in specs)
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"the golden output cannot be read: {error}; is this the checkout of the image?") from None
