"""NVIDIA's tritonclient over HTTP, unchanged: prints what it got as JSON. Arguments: host and port, admin token."""

import asyncio
import json
import sys
from typing import Any

import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from echo_values import DTYPES, VALUES
from tritonclient.utils import InferenceServerException

ADDRESS, TOKEN = sys.argv[1:]
ADMIN = {"Authorization": f"Bearer {TOKEN}"}


def inputs(*, binary: bool) -> list[triton.InferInput]:
    given = []
    for datatype, values in VALUES.items():
        given.append(triton.InferInput(datatype, [1, 2], datatype))
        given[-1].set_data_from_numpy(np.array(values, dtype=DTYPES[datatype]), binary_data=binary)
    return given


def outputs(*, binary: bool) -> list[triton.InferRequestedOutput]:
    return [triton.InferRequestedOutput(f"{datatype}_OUT", binary_data=binary) for datatype in VALUES]


def values(result: Any) -> dict[str, Any]:
    """The answer's tensors; strings come as bytes when they were binary."""
    arrays = {datatype: result.as_numpy(f"{datatype}_OUT").tolist() for datatype in VALUES}
    arrays["BYTES"] = [[getattr(text, "decode", lambda text=text: text)() for text in row] for row in arrays["BYTES"]]
    return arrays


def failure(call: Any) -> list[str]:
    try:
        call()
    except InferenceServerException as error:
        return [error.status(), error.message()]
    return []


def synchronous(client: triton.InferenceServerClient) -> dict[str, Any]:
    image = triton.InferInput("image", [1, 8, 8, 1], "FP32")
    image.set_data_from_numpy(np.zeros((1, 8, 8, 1), np.float32))
    classes = triton.InferRequestedOutput("probabilities", class_count=3)
    futures = [client.async_infer("echo", inputs(binary=True)) for _ in range(2)]
    named = client.infer("echo", inputs(binary=True), request_id="42", model_version="1")
    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": [
            client.is_model_ready("echo"),
            client.is_model_ready("echo", "1"),
            client.is_model_ready("cats"),
        ],
        "server": client.get_server_metadata()["extensions"],
        "model": client.get_model_metadata("digits"),
        "id": named.get_response()["id"],
        "binary": values(named),
        "json": values(client.infer("echo", inputs(binary=False), outputs=outputs(binary=False))),
        "json_in": values(client.infer("echo", inputs(binary=False), outputs=outputs(binary=True))),
        "json_out": values(client.infer("echo", inputs(binary=True), outputs=outputs(binary=False))),
        "futures": [values(future.get_result()) for future in futures],
        "classes": client.infer("digits", [image], outputs=[classes]).as_numpy("probabilities").shape,
        "unknown_model": failure(lambda: client.infer("cats", [image])),
        "wrong_input": failure(lambda: client.infer("digits", inputs(binary=True))),
        "no_token": failure(lambda: client.load_model("digits")),
    }


def repository(client: triton.InferenceServerClient) -> dict[str, Any]:
    client.unload_model("digits", headers=ADMIN)
    gone = [model["name"] for model in client.get_model_repository_index(headers=ADMIN)]
    client.load_model("digits", headers=ADMIN)
    index = client.get_model_repository_index(headers=ADMIN)
    return {"unloaded": gone, "loaded": sorted((model["name"], model["state"]) for model in index)}


async def asynchronous() -> dict[str, Any]:
    async with triton_aio.InferenceServerClient(ADDRESS) as client:
        calls = [client.infer("echo", inputs(binary=binary)) for binary in (True, False) * 8]
        return {
            "ready": await client.is_server_ready(),
            "values": [values(result) for result in await asyncio.gather(*calls)],
        }


with triton.InferenceServerClient(ADDRESS, concurrency=4) as client:
    results = {**synchronous(client), "repository": repository(client), "aio": asyncio.run(asynchronous())}
sys.stdout.write(json.dumps(results))
