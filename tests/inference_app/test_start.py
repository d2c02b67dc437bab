"""A real process that cannot serve: it says why, in one line, or stays live and says why it is not ready."""

import socket
from pathlib import Path

import httpx
import pytest

from inference_app.process import ServerDied, ServerProcess

pytestmark = pytest.mark.slow


def refusal(environment: dict[str, str]) -> tuple[int, list[str]]:
    """Exit code and output of a server that cannot start."""
    with ServerProcess(environment) as process:
        code = process.wait()
    return code, process.output


def test_a_wrong_setting_is_one_line_and_exit_code_2() -> None:
    assert refusal({"MAX_BATCH_SIZE": "0"}) == (2, ["MAX_BATCH_SIZE must be at least 1, got 0\n"])


def test_a_missing_model_is_one_line_and_exit_code_2(own_repository: Path) -> None:
    line = f"MODEL_NAME cats is not in {own_repository}, which holds digits\n"
    assert refusal({"MODEL_REPOSITORY": str(own_repository), "MODEL_NAME": "cats"}) == (2, [line])


def test_a_taken_port_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        expected = f"cannot listen on 127.0.0.1:{port}: Address already in use\n"
        assert refusal({"PORT": str(port)}) == (2, [expected])


def test_cuda_without_a_gpu_is_live_but_never_ready_and_says_why() -> None:
    with ServerProcess({"EXECUTION_PROVIDER": "CUDAExecutionProvider", "DRAIN_SECONDS": "0"}) as process:
        process.until("not ready")
        with httpx.Client(base_url=process.url()) as client:
            answers = [client.get("/health"), client.get("/ready"), client.get("/v2/models/digits/ready")]
            answers.append(client.post("/predict", content="[]"))
    assert [answer.status_code for answer in answers] == [200, 503, 503, 503]
    assert all("CUDAExecutionProvider was asked for" in answer.json()["error"] for answer in answers[1:])


def test_a_changed_model_file_is_never_ready(own_repository: Path) -> None:
    path = own_repository / "digits" / "1" / "model.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    with ServerProcess({"MODEL_REPOSITORY": str(own_repository)}) as process:
        reason = process.until("not ready")["reason"]
        answer = httpx.get(f"{process.url()}/ready")
    assert "SHA-256" in reason
    assert (answer.status_code, answer.json()) == (503, {"error": reason})


def test_whoever_waits_for_a_server_that_died_is_told_its_last_words() -> None:
    with ServerProcess({"PORT": "no"}) as process, pytest.raises(ServerDied, match="PORT must be a whole number"):
        process.until("ready")
