"""The model that Triton's Python backend runs; https://github.com/triton-inference-server/python_backend#usage."""

import json
import os
import sys
from typing import Any

sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)  # Triton's interpreter does not read it

import numpy as np  # noqa: E402
import triton_python_backend_utils as triton  # noqa: E402
from onnx_model import OnnxModel  # noqa: E402


class TritonPythonModel:
    """Runs what Triton's batcher gathered as one batch."""

    def initialize(self, args: dict[str, str]) -> None:
        self.model = OnnxModel()
        self.output = json.loads(args["model_config"])["output"][0]["name"]

    def execute(self, requests: list[Any]) -> list[Any]:
        examples = [self.arrays(request) for request in requests]
        inputs = examples[0] if len(examples) == 1 else [np.concatenate(parts) for parts in zip(*examples, strict=True)]
        return [triton.InferenceResponse([triton.Tensor(self.output, row[None])]) for row in self.model.run(inputs)]

    def arrays(self, request: Any) -> list[np.ndarray]:
        tensors = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        if "jpeg" in tensors:
            return self.model.from_jpeg(tensors["jpeg"].tobytes()).arrays
        return [tensors[name] for name in self.model.names]
