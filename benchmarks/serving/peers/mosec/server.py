"""mosec (https://mosecorg.github.io/mosec/): a Rust HTTP server in front of worker processes.

MOSEC_WORKERS, MOSEC_BATCH and MOSEC_WAIT_MS set the workers, and MOSEC_ORJSON=1 replaces its default JSON.
"""

import json
import os
from typing import Any

import orjson
from mosec import Server, Worker
from onnx_model import Example, OnnxModel

BATCH = int(os.environ["MOSEC_BATCH"])


class Predict(Worker):
    """Answers with mosec's own JSON."""

    loads = staticmethod(json.loads)

    def __init__(self) -> None:
        super().__init__()
        self.model = OnnxModel()

    def deserialize(self, data: bytes) -> Example:
        return self.model.read(data, self.loads)

    def forward(self, data: Any) -> Any:
        if BATCH == 1:
            return self.model.answer([data])[0]
        return self.model.answer(data)

    def serialize(self, data: Any) -> bytes:
        return data if isinstance(data, bytes) else super().serialize(data)


class PredictOrjson(Predict):
    """Answers with orjson."""

    loads = staticmethod(orjson.loads)

    def serialize(self, data: Any) -> bytes:
        return data if isinstance(data, bytes) else orjson.dumps(data)


if __name__ == "__main__":
    os.environ.update(MOSEC_PORT=os.environ["PORT"], MOSEC_ADDRESS="127.0.0.1", MOSEC_LOG_LEVEL="error")
    server = Server()
    server.append_worker(
        PredictOrjson if os.environ.get("MOSEC_ORJSON") else Predict,
        num=int(os.environ["MOSEC_WORKERS"]),
        max_batch_size=BATCH,
        max_wait_time=int(os.environ["MOSEC_WAIT_MS"]),
    )
    server.run()
