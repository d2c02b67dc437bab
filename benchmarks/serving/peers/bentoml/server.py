"""BentoML (https://docs.bentoml.com): worker processes, with adaptive batching for BENTOML_BATCH above 1."""

import os
import sys
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
from onnx_model import OnnxModel
from PIL.Image import Image

BATCH = int(os.environ["BENTOML_BATCH"])
BATCHING = {"batchable": True, "max_batch_size": BATCH, "max_latency_ms": 1000} if BATCH > 1 else {}


@bentoml.service(
    workers=int(os.environ["BENTOML_WORKERS"]),
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    traffic={"timeout": 60},
)
class Predict:
    """One route per payload."""

    def __init__(self) -> None:
        self.model = OnnxModel()

    @bentoml.api(**BATCHING)
    def predict(self, inputs: np.ndarray) -> np.ndarray:
        return self.model.run([inputs.astype(np.float32)])

    @bentoml.api
    def image(self, image: Image) -> dict[str, Any]:
        return self.model.answer([self.model.from_image(image)])[0]


if __name__ == "__main__":
    arguments = ["serve", "server:Predict", "--host", "127.0.0.1", "--port", os.environ["PORT"], "--quiet"]
    program = str(Path(sys.executable).with_name("bentoml"))
    os.execve(program, [program, *arguments], {**os.environ, "BENTOML_DO_NOT_TRACK": "True"})
