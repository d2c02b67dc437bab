"""NVIDIA's tritonclient, unchanged, before a server with API keys: prints what it got as JSON.

Arguments: host and port of HTTP, of gRPC, an API key.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

HTTP_ADDRESS, GRPC_ADDRESS, KEY = sys.argv[1:]
WAYS: list[dict[str, str]] = [{}, {"x-api-key": KEY[::-1]}, {"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}]


def status(call: Callable[[], Any]) -> str:
    """`ok`, or the status with which the call failed."""
    try:
        call()
    except InferenceServerException as error:
        return error.status() or ""
    return "ok"


def asked(module: Any, address: str) -> dict[str, Any]:
    zeros = np.zeros((1, 8, 8, 1), np.float32)
    image = module.InferInput("image", zeros.shape, "FP32")
    image.set_data_from_numpy(zeros)
    with module.InferenceServerClient(address) as client:
        return {
            "ready": [client.is_server_ready(), client.is_model_ready("digits")],
            # It adds headers of its own to the dictionary that it is given.
            "infer": [status(lambda way=way: client.infer("digits", [image], headers=dict(way))) for way in WAYS],
            "metadata": [status(lambda way=way: client.get_model_metadata("digits", headers=way)) for way in WAYS],
        }


json.dump({"http": asked(triton_http, HTTP_ADDRESS), "grpc": asked(triton_grpc, GRPC_ADDRESS)}, sys.stdout)
