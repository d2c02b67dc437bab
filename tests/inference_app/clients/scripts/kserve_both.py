"""KServe's clients, REST and gRPC, unchanged: prints what they got as JSON. Arguments: URL, gRPC's host and port."""

import asyncio
import json
import logging
import sys
from typing import Any

import grpc
import httpx
import numpy as np
from echo_values import DTYPES, VALUES
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

URL, ADDRESS = sys.argv[1:]
logging.disable(logging.CRITICAL)  # it logs every failure with its traceback, on standard output


def request(model: str = "echo", *, binary: bool) -> InferRequest:
    """The client sends FP16 in binary only."""
    inputs = [InferInput(datatype, [1, 2], datatype) for datatype in VALUES]
    for given in inputs:
        array = np.array(VALUES[given.datatype], dtype=DTYPES[given.datatype])
        given.set_data_from_numpy(array, binary_data=binary or given.datatype == "FP16")
    parameters = {"binary_data_output": True} if binary else {}
    return InferRequest(model, inputs, request_id="42", parameters=parameters)


def values(response: Any) -> dict[str, Any]:
    arrays = {name: response.get_output_by_name(f"{name}_OUT").as_numpy().tolist() for name in VALUES}
    arrays["BYTES"] = [[getattr(text, "decode", lambda text=text: text)() for text in row] for row in arrays["BYTES"]]
    return arrays


async def rest() -> dict[str, Any]:
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        try:
            unknown = await client.infer(URL, request("cats", binary=True), model_name="cats")
        except httpx.HTTPStatusError as error:
            unknown = [error.response.status_code, error.response.json()["error"]]
        binary = await client.infer(URL, request(binary=True), model_name="echo")
        return {
            "live": await client.is_server_live(URL),
            "ready": await client.is_server_ready(URL),
            "model_ready": await client.is_model_ready(URL, "echo"),
            "id": binary.id,
            "binary": values(binary),
            "json": values(await client.infer(URL, request(binary=False), model_name="echo")),
            "unknown_model": unknown,
        }


def typed() -> InferRequest:
    """Elements in typed fields, of which FP16 has none: one input alone."""
    given = InferInput("image", [1, 8, 8, 1], "FP32", data=[0.0] * 64)
    return InferRequest("digits", [given], request_id="42")


async def rpc() -> dict[str, Any]:
    async with InferenceGRPCClient(ADDRESS) as client:
        try:
            unknown: Any = await client.infer(request("cats", binary=True))
        except grpc.RpcError as error:
            unknown = [error.code().name, error.details()]
        return {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model_ready": await client.is_model_ready("echo"),
            "raw": values(await client.infer(request(binary=True))),
            "typed": (await client.infer(typed())).outputs[0].as_numpy().shape,
            "unknown_model": unknown,
        }


async def main() -> None:
    sys.stdout.write(json.dumps({"rest": await rest(), "grpc": await rpc()}))


asyncio.run(main())
