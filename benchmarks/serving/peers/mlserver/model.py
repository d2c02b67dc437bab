"""The model as MLServer's runtime calls it, in its workers."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput
from onnx_model import Array, OnnxModel


class Predict(MLModel):
    """Tensors as JSON numbers, or the bytes of numbers or a JPEG in base64."""

    async def load(self) -> bool:
        self.model = OnnxModel()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        outputs = self.model.run(self.arrays(payload.inputs))
        encoded = NumpyCodec.encode_output("output", outputs)
        return InferenceResponse(model_name=self.name, outputs=[encoded])

    def arrays(self, inputs: list[RequestInput]) -> list[Array]:
        if inputs[0].datatype != "BYTES":
            return [NumpyCodec.decode_input(tensor).astype(np.float32) for tensor in inputs]
        return self.model.read(Base64Codec.decode_input(inputs[0])[0]).arrays
