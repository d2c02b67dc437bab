"""`POST /predict`: JSON, an image, a text or a form with several of them in; labelled predictions out."""

from typing import Any

from inference_app.outputs import Rows
from inference_app.protocols import json_body, predictions
from inference_app.protocols.call import JSON, Answer, Headers
from inference_app.protocols.media import MediaReader
from inference_app.repository import ModelVersion
from inference_app.tensors import Arrays

QUICK_BYTES = 64 * 1024
"""JSON up to this size is parsed in a millisecond at most."""


class PredictCodec:
    """`/predict` for one model, with the preprocessing and the postprocessing that its metadata declares."""

    def __init__(self, version: ModelVersion) -> None:
        """Load what the declared preprocessing needs, which takes a while; raises `ModelUnusable`."""
        metadata = version.metadata
        self._reader = MediaReader(version)
        self._predictions = predictions.make(metadata)
        model = {"model": metadata.name, "version": metadata.version}
        self._head = json_body.dumps(model)[:-1] + b',"predictions":['

    def is_quick(self, size: int, headers: Headers) -> bool:
        """Whether the body is JSON numbers, and few."""
        return size <= QUICK_BYTES and self._reader.is_quick(headers.get(b"content-type", JSON))

    def parse(self, body: bytes, headers: Headers) -> "PredictCall":
        """The model's inputs; raises `BadRequest`, `UnsupportedMediaType` or `TooLarge` with the reason."""
        return PredictCall(self, self._reader.read(body, headers.get(b"content-type", JSON)))

    def from_value(self, value: Any) -> "PredictCall":
        """The same for a parsed JSON value, without its `inputs` around it; raises `BadRequest`."""
        return PredictCall(self, self._reader.from_value(value))

    def render(self, rows: Rows, inputs: Arrays) -> Answer:
        """`{"model", "version", "predictions"}` with one prediction per example; raises `NotFinite`."""
        return Answer(self._head + self._predictions.render(rows, inputs) + b"]}")


class PredictCall:
    """One request's inputs and how its answer is written."""

    __slots__ = ("_codec", "inputs")

    def __init__(self, codec: PredictCodec, inputs: Arrays) -> None:
        self._codec = codec
        self.inputs = inputs

    def render(self, rows: Rows) -> Answer:
        """The answer; raises `NotFinite` where the model gave no numbers."""
        return self._codec.render(rows, self.inputs)
