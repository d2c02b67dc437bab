import pytest

from inference_app.process import ServerProcess
from tests.inference_app.clients.conftest import Run
from tests.inference_app.clients.test_clients import grpc_address, http_address

pytestmark = pytest.mark.slow

KEY = "a-key-of-the-server-0123456789"


def test_tritonclient_shows_a_key_in_its_headers(run: Run) -> None:
    with ServerProcess({"API_KEYS": KEY, "GRPC_PORT": "0"}) as process:
        process.until("ready")
        got = run("triton_with_key.py", http_address(process), grpc_address(process), KEY)

    http, grpc = got["http"], got["grpc"]
    assert http["ready"] == grpc["ready"] == [True, True]
    assert http["infer"] == http["metadata"] == ["401", "401", "ok", "ok"]
    assert grpc["infer"] == grpc["metadata"] == [*["StatusCode.UNAUTHENTICATED"] * 2, "ok", "ok"]
