import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference_app import model, repository
from inference_app.contract import ExecutionProvider
from inference_app.errors import ModelUnusable
from inference_app.repository import ModelVersion


def refusal(version: ModelVersion, provider: ExecutionProvider = ExecutionProvider.CPU) -> str:
    with pytest.raises(ModelUnusable) as raised:
        model.load(version, provider, intra_op_threads=1, max_batch_size=4)
    return str(raised.value)


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_shipped_model_gives_the_answers_that_the_training_framework_gave(
    digits: ModelVersion, golden: dict[str, Any]
) -> None:
    loaded = model.load(digits, ExecutionProvider.CPU, intra_op_threads=1, max_batch_size=4)
    outputs = loaded.run({"image": np.array(golden["inputs"]["image"], dtype=np.float32)})
    expected = np.array(golden["outputs"]["probabilities"])
    assert np.abs(outputs["probabilities"] - expected).max() <= digits.metadata.golden.tolerance


def test_loading_a_model_leaves_no_trace_of_telemetry(digits: ModelVersion, tmp_path: Path) -> None:
    # ONNX Runtime keeps its device id and unsent events below HOME; it stays quiet by itself where CI is set.
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    code = f"from inference_app import model; model.ort.InferenceSession({str(digits.model_path)!r})"
    subprocess.run([sys.executable, "-c", code], env=environment | {"HOME": str(tmp_path)}, check=True)
    assert not list(tmp_path.rglob("*"))


def test_warm_up_covers_small_and_full_batches() -> None:
    assert model.batch_sizes(1) == [1]
    assert model.batch_sizes(6) == [1, 2, 4, 6]
    assert model.batch_sizes(8) == [1, 2, 4, 8]


def test_a_changed_file_is_refused(own_repository: Path) -> None:
    version = repository.find(own_repository, "digits")
    version.model_path.write_bytes(version.model_path.read_bytes() + b"\0")
    assert "SHA-256" in refusal(version)


def test_a_file_that_is_no_onnx_is_refused(own_repository: Path) -> None:
    content = b"no model"
    (own_repository / "digits" / "1" / "model.onnx").write_bytes(content)
    rewrite(own_repository / "digits" / "1" / "metadata.json", sha256=hashlib.sha256(content).hexdigest())
    assert "does not load on CPUExecutionProvider" in refusal(repository.find(own_repository, "digits"))


def test_another_golden_output_is_refused(own_repository: Path, golden: dict[str, Any]) -> None:
    wrong = [[value + 0.01 for value in row] for row in golden["outputs"]["probabilities"]]
    rewrite(own_repository / "digits" / "1" / "golden.json", outputs={"probabilities": wrong})
    assert "differs by 0.01, more than 0.0001" in refusal(repository.find(own_repository, "digits"))


def test_a_missing_golden_output_is_refused(own_repository: Path) -> None:
    (own_repository / "digits" / "1" / "golden.json").unlink()
    assert "golden.json" in refusal(repository.find(own_repository, "digits"))


def test_other_tensors_than_declared_are_refused(own_repository: Path) -> None:
    inputs = [{"name": "picture", "datatype": "FP32", "shape": [-1, 8, 8, 1]}]
    rewrite(own_repository / "digits" / "1" / "metadata.json", inputs=inputs)
    reason = refusal(repository.find(own_repository, "digits"))
    assert reason == "metadata declares inputs picture; the model has image"


def test_a_provider_that_is_not_there_is_refused(digits: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert "CUDAExecutionProvider was asked for" in refusal(digits, ExecutionProvider.CUDA)


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_silent_fallback_to_the_cpu_is_refused(digits: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.ort, "get_available_providers", lambda: list(ExecutionProvider))
    reason = refusal(digits, ExecutionProvider.CUDA)
    assert reason == "CUDAExecutionProvider was asked for, the model runs on CPUExecutionProvider"
