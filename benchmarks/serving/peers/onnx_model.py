"""What every peer does with the model, so that their servers differ in nothing but the server.

The model is the version folder that MODEL_DIRECTORY names. Requests hold one example.
"""

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]


@dataclass(frozen=True)
class Example:
    """One example's tensors, in the order of the model's inputs, batch axis first; and how its answer is written."""

    arrays: list[Array]
    encode: Callable[[Array], Any]


class OnnxModel:
    """A session with one intra-op thread: two calls at a time use two cores better than one call with two threads."""

    def __init__(self) -> None:
        directory = Path(os.environ["MODEL_DIRECTORY"])
        metadata = json.loads((directory / "metadata.json").read_bytes())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(directory / "model.onnx", options)
        self.names = [tensor["name"] for tensor in metadata["inputs"]]
        self.labels = metadata["labels"]
        self.preprocessing = metadata["preprocessing"]
        self.dtype = np.dtype({"FP32": np.float32, "INT64": np.int64}[metadata["inputs"][0]["datatype"]])
        self.shape = metadata["inputs"][0]["shape"][1:]

    def __reduce__(self) -> tuple[type["OnnxModel"], tuple[()]]:
        """Another process loads the model anew: a session cannot be copied there."""
        return OnnxModel, ()

    def read(self, body: bytes, loads: Callable[[bytes], Any] = json.loads) -> Example:
        """An example from JSON `{"inputs": [[...]]}`, a JPEG, or raw numbers, told apart by how they begin."""
        if body.startswith(b"{"):
            return self.from_json(loads(body)["inputs"])
        if body.startswith(b"\xff\xd8"):
            return self.from_jpeg(body)
        return self.from_numbers(body)

    def from_json(self, inputs: Any) -> Example:
        """From nested lists of one input."""
        return Example([np.array(inputs, self.dtype)], self.rows)

    def from_jpeg(self, body: bytes) -> Example:
        """From a JPEG's bytes."""
        return self.from_image(Image.open(io.BytesIO(body)))

    def from_image(self, image: Image.Image) -> Example:
        """Resize, scale; channels first."""
        size = (self.preprocessing["width"], self.preprocessing["height"])
        resized = image.convert("RGB").resize(size, Image.Resampling.BILINEAR)
        pixels = np.asarray(resized, np.float32) * self.preprocessing["scale"] + self.preprocessing["offset"]
        return Example([np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)], self.label)

    def from_numbers(self, body: bytes, encode: Callable[[Array], Any] = np.ndarray.tobytes) -> Example:
        """From the tensors' bytes, one input after the other."""
        tensors = np.frombuffer(body, self.dtype).reshape(len(self.names), 1, *self.shape)
        return Example(list(tensors), encode)

    def run(self, arrays: list[Array]) -> Array:
        """The model's one output for a batch."""
        return self.session.run(None, dict(zip(self.names, arrays, strict=True)))[0]

    def answer(self, examples: list[Example]) -> list[Any]:
        """Run the examples as one batch and encode each one's row."""
        if len(examples) == 1:
            return [examples[0].encode(self.run(examples[0].arrays)[0])]
        inputs = [np.concatenate(parts) for parts in zip(*(example.arrays for example in examples), strict=True)]
        return [example.encode(row) for example, row in zip(examples, self.run(inputs), strict=True)]

    def rows(self, row: Array) -> dict[str, Any]:
        """The output as nested lists."""
        return {"outputs": [row.tolist()]}

    def label(self, row: Array) -> dict[str, Any]:
        """The likeliest label."""
        best = int(row.argmax())
        return {"label": self.labels[best], "confidence": float(row[best])}
