"""`detector.onnx` beside a model: scores every example, so that what the model should not judge gets no answer."""

import hashlib
from typing import Any

from inference_app.errors import ModelUnusable, Suspicious
from inference_app.repository import ModelVersion
from inference_app.sessions import session
from inference_app.settings import Settings
from inference_app.tensors import Array, Arrays
from inference_app.verdict import Verdict


class Detector:
    """A model of its own that reads some or all of the model's inputs; `judge` may be called from any thread."""

    def __init__(self, version: ModelVersion, settings: Settings) -> None:
        """Load the file that `version.metadata.detector` declares; raises `ModelUnusable` where it is another."""
        declared = version.metadata.detector
        if declared is None:
            raise ModelUnusable(f"{version.directory} declares no detector")
        content = version.detector_path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != declared.sha256:
            raise ModelUnusable(f"{version.detector_path} has SHA-256 {digest}, its metadata says {declared.sha256}")
        self._declared = declared
        # Captured CUDA graphs need buffers that only the model's own runner has.
        self._session = session(version.detector_path, settings.model_copy(update={"cuda_graphs": False}))
        self._inputs = [tensor.name for tensor in self._session.get_inputs()]
        self._check_tensors({spec.name for spec in version.metadata.inputs})

    def scores(self, inputs: Arrays) -> Array:
        """One score per example, shape `[n]`; higher is more suspicious."""
        feed = {name: inputs[name] for name in self._inputs}
        return self._session.run([self._declared.output], feed)[0].reshape(-1)

    def judge(self, inputs: Arrays) -> Verdict:
        """The scores of a batch with the declared threshold."""
        return Verdict(self.scores(inputs), self._declared.threshold)

    def prove(self, inputs: Arrays) -> None:
        """Raise `ModelUnusable` unless each of the golden `inputs` gets a score under the threshold."""
        rows = len(next(iter(inputs.values())))
        try:
            verdict = self.judge(inputs)
        except Exception as error:
            raise ModelUnusable(f"the detector fails on the golden input: {error}") from error
        if len(verdict.scores) != rows:
            raise ModelUnusable(f"the detector gave {len(verdict.scores)} scores for {rows} golden examples")
        try:
            verdict.check(0, rows)
        except Suspicious as error:
            raise ModelUnusable(f"the detector refuses the golden input: {error}") from None

    def _check_tensors(self, known: set[str]) -> None:
        outputs: list[Any] = [tensor.name for tensor in self._session.get_outputs()]
        if self._declared.output not in outputs:
            raise ModelUnusable(f"the detector has no output {self._declared.output}, but {', '.join(outputs)}")
        unknown = [name for name in self._inputs if name not in known]
        if unknown:
            raise ModelUnusable(f"the detector takes {unknown[0]}, which is no input of the model")


def load(version: ModelVersion, settings: Settings, golden: Arrays) -> Detector | None:
    """The version's detector, which lets the golden inputs through; None where it declares none.

    Raises `ModelUnusable`.
    """
    if version.metadata.detector is None:
        return None
    detector = Detector(version, settings)
    detector.prove(golden)
    return detector
