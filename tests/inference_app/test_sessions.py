import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inference_app import sessions
from inference_app.contract import ExecutionProvider
from inference_app.errors import ModelUnusable
from inference_app.repository import ModelVersion
from inference_app.settings import Settings

CPU, CUDA = Settings(), Settings(execution_provider=ExecutionProvider.CUDA)


def refusal(path: Path, settings: Settings) -> str:
    with pytest.raises(ModelUnusable) as raised:
        sessions.session(path, settings)
    return str(raised.value)


def test_loading_a_model_leaves_no_trace_of_telemetry(digits: ModelVersion, tmp_path: Path) -> None:
    # ONNX Runtime keeps its device id and unsent events below HOME; it stays quiet by itself where CI is set.
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    code = f"from inference_app import sessions; sessions.ort.InferenceSession({str(digits.model_path)!r})"
    subprocess.run([sys.executable, "-c", code], env=environment | {"HOME": str(tmp_path)}, check=True)
    assert not list(tmp_path.rglob("*"))


def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    assert "does not load on CPUExecutionProvider" in refusal(path, CPU)


def test_a_provider_that_is_not_there_is_refused(digits: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions.ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert "CUDAExecutionProvider was asked for" in refusal(digits.model_path, CUDA)


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_silent_fallback_to_the_cpu_is_refused(digits: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions.ort, "get_available_providers", lambda: list(ExecutionProvider))
    reason = refusal(digits.model_path, CUDA)
    assert reason == "CUDAExecutionProvider was asked for, the model runs on CPUExecutionProvider"


def test_a_session_is_made_without_a_fallback_and_with_idle_threads_asleep(
    digits: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, Any]] = []
    real = sessions.ort.InferenceSession

    def make(path: Path, options: Any, **more: Any) -> Any:
        spinning = options.get_session_config_entry("session.intra_op.allow_spinning")
        made.append({"threads": options.intra_op_num_threads, "spinning": spinning, **more})
        return real(path, options, **more)

    monkeypatch.setattr(sessions.ort, "InferenceSession", make)
    sessions.session(digits.model_path, Settings(intra_op_threads=2))
    [call] = made
    assert call.pop("providers") == [("CPUExecutionProvider", {})]
    assert call == {"threads": 2, "spinning": "0", "enable_fallback": 0}


def test_the_cpu_takes_no_provider_options() -> None:
    assert sessions.provider_options(CPU) == {}


def test_cuda_is_told_which_gpu_and_to_prepare_new_batch_sizes_quickly() -> None:
    settings = CUDA.model_copy(update={"gpu_device_id": 1})
    assert sessions.provider_options(settings) == {"device_id": "1", "cudnn_conv_algo_search": "HEURISTIC"}


def test_a_memory_limit_is_given_in_bytes_and_filled_without_doubling() -> None:
    options = sessions.provider_options(CUDA.model_copy(update={"gpu_memory_limit_mb": 512}))
    assert options["gpu_mem_limit"] == "536870912"
    assert options["arena_extend_strategy"] == "kSameAsRequested"


def test_cuda_graphs_are_asked_for_by_setting() -> None:
    assert sessions.provider_options(CUDA.model_copy(update={"cuda_graphs": True}))["enable_cuda_graph"] == "1"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=a ; expr=cudaMemcpy()", True),
        ("Non-zero status code returned: CUDA failure 719: unspecified launch failure ; GPU=0", True),
        ("CUDA failure 2: out of memory ; GPU=0", False),
        ("Failed to allocate memory for requested buffer of size 7000", False),
        ("CUBLAS failure 700: no such code", False),
    ],
)
def test_only_errors_that_cuda_does_not_recover_from_poison_the_device(message: str, expected: bool) -> None:
    assert sessions.poisons_device(RuntimeError(message)) is expected
