"""Ray Serve (https://docs.ray.io/en/latest/serve/): replicas behind its HTTP proxy, with its batching."""

import os
import time
from typing import Any

import ray
from onnx_model import Example, OnnxModel
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

MIB = 1024 * 1024


@serve.deployment(
    num_replicas=int(os.environ["RAY_REPLICAS"]), max_ongoing_requests=128, ray_actor_options={"num_cpus": 0.1}
)
class Predict:
    """JSON, raw numbers or a JPEG in; what was asked for out."""

    def __init__(self) -> None:
        self.model = OnnxModel()

    @serve.batch(max_batch_size=int(os.environ["RAY_BATCH"]), batch_wait_timeout_s=0)
    async def infer(self, examples: list[Example]) -> list[Any]:
        return self.model.answer(examples)

    async def __call__(self, request: Request) -> Any:
        answer = await self.infer(self.model.read(await request.body()))
        return Response(answer) if isinstance(answer, bytes) else answer


if __name__ == "__main__":
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100 * MIB,
        log_to_driver=False,
        logging_level="error",
        runtime_env={"env_vars": {"RAY_SERVE_LOG_LEVEL": "ERROR"}},
    )
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])},
        logging_config={"log_level": "ERROR", "enable_access_log": False},
    )
    serve.run(Predict.bind(), route_prefix="/")
    while True:
        time.sleep(60)
