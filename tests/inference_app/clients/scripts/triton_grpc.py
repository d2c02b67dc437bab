"""NVIDIA's tritonclient over gRPC, unchanged: prints what it got as JSON. Arguments: host and port, admin token."""

import asyncio
import json
import sys
import threading
from typing import Any

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from echo_values import DTYPES, VALUES
from tritonclient.utils import InferenceServerException

ADDRESS, TOKEN = sys.argv[1:]
ADMIN = {"authorization": f"Bearer {TOKEN}"}


def inputs() -> list[triton.InferInput]:
    given = []
    for datatype, values in VALUES.items():
        given.append(triton.InferInput(datatype, [1, 2], datatype))
        given[-1].set_data_from_numpy(np.array(values, dtype=DTYPES[datatype]))
    return given


def values(result: Any) -> dict[str, Any]:
    arrays = {datatype: result.as_numpy(f"{datatype}_OUT").tolist() for datatype in VALUES}
    arrays["BYTES"] = [[text.decode() for text in row] for row in arrays["BYTES"]]
    return arrays


def failure(call: Any) -> list[str]:
    try:
        call()
    except InferenceServerException as error:
        return [error.status(), error.message()]
    return []


def with_callback(client: triton.InferenceServerClient) -> dict[str, Any]:
    done = threading.Event()
    heard: list[Any] = []

    def hear(result: Any, error: Any) -> None:
        heard.append(error or values(result))
        done.set()

    client.async_infer("echo", inputs(), hear)
    done.wait(10)
    return heard[0]


def synchronous(client: triton.InferenceServerClient) -> dict[str, Any]:
    image = triton.InferInput("image", [1, 8, 8, 1], "FP32")
    image.set_data_from_numpy(np.zeros((1, 8, 8, 1), np.float32))
    classes = triton.InferRequestedOutput("probabilities", class_count=3)
    named = client.infer("echo", inputs(), request_id="42", model_version="1", client_timeout=10)
    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": [client.is_model_ready("echo"), client.is_model_ready("echo", "1")],
        "server": client.get_server_metadata(as_json=True)["extensions"],
        "model": client.get_model_metadata("digits", as_json=True),
        "id": named.get_response().id,
        "raw": values(named),
        "callback": with_callback(client),
        "classes": client.infer("digits", [image], outputs=[classes]).as_numpy("probabilities").shape,
        "unknown_model": failure(lambda: client.infer("cats", [image])),
        "wrong_input": failure(lambda: client.infer("digits", inputs())),
        "no_token": failure(lambda: client.load_model("digits")),
    }


def repository(client: triton.InferenceServerClient) -> dict[str, Any]:
    client.unload_model("digits", headers=ADMIN)
    gone = [model.name for model in client.get_model_repository_index(headers=ADMIN).models]
    client.load_model("digits", headers=ADMIN)
    index = client.get_model_repository_index(headers=ADMIN).models
    return {"unloaded": gone, "loaded": sorted((model.name, model.state) for model in index)}


async def asynchronous() -> dict[str, Any]:
    async with triton_aio.InferenceServerClient(ADDRESS) as client:
        calls = [client.infer("echo", inputs()) for _ in range(16)]
        return {
            "ready": await client.is_server_ready(),
            "values": [values(result) for result in await asyncio.gather(*calls)],
        }


with triton.InferenceServerClient(ADDRESS) as client:
    results = {**synchronous(client), "repository": repository(client), "aio": asyncio.run(asynchronous())}
sys.stdout.write(json.dumps(results))
