"""LitServe (https://lightning.ai/docs/litserve): worker processes behind FastAPI. It reads JSON and forms only."""

import os
from typing import Any

import litserve
from fastapi import Request
from onnx_model import Example, OnnxModel

BATCH = int(os.environ["LITSERVE_BATCH"])


class Predict(litserve.LitAPI):
    """`{"inputs": [[...]]}`, or a form whose `file` holds raw numbers or a JPEG."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe passes it
        self.model = OnnxModel()

    def decode_request(self, request: Request) -> Example:
        if "file" not in request:
            return self.model.from_json(request["inputs"])
        content = request["file"].file.read()
        jpeg = request["file"].content_type == "image/jpeg"
        return self.model.from_jpeg(content) if jpeg else self.model.from_numbers(content, self.model.rows)

    def batch(self, inputs: list[Example]) -> list[Example]:
        return inputs

    def predict(self, examples: Any) -> Any:
        if BATCH == 1:
            return self.model.answer([examples])[0]
        return self.model.answer(examples)

    def unbatch(self, output: list[Any]) -> list[Any]:
        return output


if __name__ == "__main__":
    server = litserve.LitServer(
        Predict(max_batch_size=BATCH, batch_timeout=float(os.environ["LITSERVE_WAIT"])),
        accelerator="cpu",
        workers_per_device=int(os.environ["LITSERVE_WORKERS"]),
        fast_queue=bool(int(os.environ["LITSERVE_FAST_QUEUE"])),
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=int(os.environ["LITSERVE_API_SERVERS"]),
        generate_client_file=False,
        log_level="error",
        access_log=False,
    )
