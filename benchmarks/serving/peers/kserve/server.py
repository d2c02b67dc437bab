"""KServe's Python ModelServer (https://kserve.github.io/website): FastAPI with both of its protocols."""

import logging
import os
from typing import Any

import kserve
import numpy as np
from kserve import InferInput, InferOutput, InferRequest, InferResponse, ModelServer
from onnx_model import Array, OnnxModel

logging.disable(logging.INFO)  # else every request is logged four times; here, so that worker processes do it too


class Predict(kserve.Model):
    """`{"instances": [[...]]}`, or the Open Inference Protocol with its binary tensors."""

    def load(self) -> bool:
        self.model = OnnxModel()
        self.output = self.model.session.get_outputs()[0].name
        self.ready = True
        return self.ready

    def predict(self, payload: Any, headers: dict[str, str] | None = None) -> Any:  # noqa: ARG002 - KServe passes it
        if isinstance(payload, InferRequest):
            return self.infer(payload)
        outputs = self.model.run([np.asarray(payload["instances"], np.float32)])
        return {"predictions": outputs.tolist()}

    def infer(self, payload: InferRequest) -> InferResponse:
        outputs = self.model.run(self.arrays(payload.inputs))
        output = InferOutput(self.output, list(outputs.shape), "FP32")
        output.set_data_from_numpy(outputs)
        return InferResponse(payload.id or "", self.name, [output], requested_outputs=payload.request_outputs)

    def arrays(self, inputs: list[InferInput]) -> list[Array]:
        if inputs[0].name == "jpeg":
            return self.model.from_jpeg(inputs[0].as_numpy().tobytes()).arrays
        return [tensor.as_numpy() for tensor in inputs]


if __name__ == "__main__":
    model = Predict(os.environ["MODEL_NAME"])
    model.load()
    server = ModelServer(
        http_port=int(os.environ["PORT"]),
        workers=int(os.environ["KSERVE_WORKERS"]),
        enable_grpc=False,
        enable_docs_url=False,
        access_log_format=None,
    )
    server.start([model])
