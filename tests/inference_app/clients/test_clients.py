from typing import Any
from urllib.parse import urlsplit

import pytest

from inference_app.process import ServerProcess
from tests.inference_app.clients.conftest import TOKEN, Run

pytestmark = pytest.mark.slow

DIGITS = {
    "name": "digits",
    "versions": ["1"],
    "platform": "onnx_onnxv1",
    "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 8, 8, 1]}],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
}
REPOSITORY = {"unloaded": ["echo"], "loaded": [["digits", "READY"], ["echo", "READY"]]}


def http_address(process: ServerProcess) -> str:
    return urlsplit(process.url()).netloc


def grpc_address(process: ServerProcess) -> str:
    entry = process.until("listening for gRPC")
    return f"{entry['host']}:{entry['port']}"


def test_tritonclient_over_http(server_process: ServerProcess, run: Run, echo_values: dict[str, Any]) -> None:
    got = run("triton_http.py", http_address(server_process), TOKEN)
    assert (got["live"], got["ready"], got["model_ready"]) == (True, True, [True, True, False])
    assert {"binary_tensor_data", "classification", "model_repository"} <= set(got["server"])
    assert got["model"] == DIGITS
    assert got["id"] == "42"
    for way in ("binary", "json", "json_in", "json_out"):
        assert got[way] == echo_values, way
    assert got["futures"] == [echo_values] * 2
    assert got["aio"] == {"ready": True, "values": [echo_values] * 16}
    assert got["classes"] == [1, 3]
    assert got["unknown_model"][0] == "404"
    assert "cats" in got["unknown_model"][1]
    assert got["wrong_input"][0] == "400"
    assert "the model takes image" in got["wrong_input"][1]
    assert got["no_token"][0] == "401"
    assert got["repository"] == REPOSITORY


def test_tritonclient_over_grpc(server_process: ServerProcess, run: Run, echo_values: dict[str, Any]) -> None:
    got = run("triton_grpc.py", grpc_address(server_process), TOKEN)
    assert (got["live"], got["ready"], got["model_ready"]) == (True, True, [True, True])
    assert {"binary_tensor_data", "classification", "model_repository"} <= set(got["server"])
    assert got["model"]["inputs"] == [{"name": "image", "datatype": "FP32", "shape": ["-1", "8", "8", "1"]}]
    assert got["id"] == "42"
    assert got["raw"] == got["callback"] == echo_values
    assert got["aio"] == {"ready": True, "values": [echo_values] * 16}
    assert got["classes"] == [1, 3]
    assert got["unknown_model"][0] == "StatusCode.NOT_FOUND"
    assert got["wrong_input"][0] == "StatusCode.INVALID_ARGUMENT"
    assert "the model takes image" in got["wrong_input"][1]
    assert got["no_token"][0] == "StatusCode.UNAUTHENTICATED"
    assert got["repository"] == REPOSITORY


def test_kserves_clients(server_process: ServerProcess, run: Run, echo_values: dict[str, Any]) -> None:
    got = run("kserve_both.py", server_process.url(), grpc_address(server_process))
    rest, grpc = got["rest"], got["grpc"]
    assert (rest["live"], rest["ready"], rest["model_ready"]) == (True, True, True)
    assert (grpc["live"], grpc["ready"], grpc["model_ready"]) == (True, True, True)
    assert rest["id"] == "42"
    assert rest["binary"] == rest["json"] == grpc["raw"] == echo_values
    assert grpc["typed"] == [1, 10]
    assert rest["unknown_model"][0] == 404
    assert grpc["unknown_model"][0] == "NOT_FOUND"
