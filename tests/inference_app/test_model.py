import hashlib
import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference_app import model, repository, sessions
from inference_app.contract import ExecutionProvider
from inference_app.device_buffers import BoundRunner, Specs
from inference_app.errors import ModelUnusable
from inference_app.model import Model
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from inference_app.tensors import Arrays, Datatype

SETTINGS = Settings(max_batch_size=4)

ELEMENTS = {
    "FP32": 1,
    "UINT8": 2,
    "INT8": 3,
    "UINT16": 4,
    "INT16": 5,
    "INT32": 6,
    "INT64": 7,
    "BYTES": 8,
    "BOOL": 9,
    "FP16": 10,
    "FP64": 11,
    "UINT32": 12,
    "UINT64": 13,
    "BF16": 16,
}
"""The element types' numbers in ONNX files (https://onnx.ai/onnx/api/classes.html#tensorproto)."""

VALUES: dict[str, list[Any]] = {"BOOL": [[True, False]], "BYTES": [["cat", "é"]], "FP16": [[0.5, -2.0]]}


def field(number: int, content: "int | str | bytes") -> bytes:
    """A field of a protocol buffer (https://protobuf.dev/programming-guides/encoding/); all sizes here are small."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    encoded = content.encode() if isinstance(content, str) else content
    return bytes([number << 3 | 2, len(encoded)]) + encoded


def identity(element: int, dimensions: tuple["int | str", ...]) -> bytes:
    """An ONNX file whose output `y` is its input `x`."""
    shape = b"".join(field(1, field(1 if isinstance(size, int) else 2, size)) for size in dimensions)
    tensor = field(2, field(1, field(1, element) + field(2, shape)))
    node = field(1, field(1, "x") + field(2, "y") + field(4, "Identity"))
    graph = node + field(2, "identity") + field(11, field(1, "x") + tensor) + field(12, field(1, "y") + tensor)
    return field(1, 10) + field(7, graph) + field(8, field(2, 20))


def version_of(folder: Path, content: bytes, datatype: str, shape: list[int], golden: Any) -> ModelVersion:
    """A repository's only model version, which declares one input `x` and one output `y` alike."""
    directory = folder / "identity" / "1"
    directory.mkdir(parents=True)
    tensor = {"datatype": datatype, "shape": shape}
    metadata = {
        "name": "identity",
        "version": "1",
        "created": "2026-01-01T00:00:00Z",
        "framework": "none",
        "sha256": hashlib.sha256(content).hexdigest(),
        "inputs": [{"name": "x", **tensor}],
        "outputs": [{"name": "y", **tensor}],
        "golden": {"file": "golden.json", "tolerance": 1e-6},
    }
    (directory / "model.onnx").write_bytes(content)
    (directory / "metadata.json").write_text(json.dumps(metadata))
    (directory / "golden.json").write_text(json.dumps({"inputs": {"x": golden}, "outputs": {"y": golden}}))
    return repository.find(folder, "identity", "1")


def refusal(version: ModelVersion, settings: Settings = SETTINGS) -> str:
    with pytest.raises(ModelUnusable) as raised:
        model.load(version, settings)
    return str(raised.value)


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_shipped_model_gives_the_answers_that_the_training_framework_gave(
    digits: ModelVersion, golden: dict[str, Any]
) -> None:
    loaded = model.load(digits, SETTINGS)
    outputs = loaded.run({"image": np.array(golden["inputs"]["image"], dtype=np.float32)})
    expected = np.array(golden["outputs"]["probabilities"])
    assert np.abs(outputs["probabilities"] - expected).max() <= digits.metadata.golden.tolerance


@pytest.mark.parametrize("datatype", list(Datatype))
def test_every_datatype_of_the_protocol_goes_through_a_model(datatype: Datatype, tmp_path: Path) -> None:
    values = VALUES.get(datatype, [[1, 100]])
    version = version_of(tmp_path, identity(ELEMENTS[datatype], ("n", 2)), datatype, [-1, 2], values)
    outputs = model.load(version, SETTINGS).run({"x": np.array(values, datatype.dtype)})
    assert outputs["y"].dtype == datatype.dtype
    assert outputs["y"].tolist() == values


@pytest.mark.parametrize(
    ("element", "dimensions", "reason"),
    [
        ("FP64", ("n", 2), "metadata declares x as FP32; in the model it is FP64"),
        ("BF16", ("n", 2), "metadata declares x as FP32; in the model it is tensor(bfloat16)"),
        ("FP32", ("n", 3), "metadata declares x with shape [-1, 2]; in the model it is [-1, 3]"),
        ("FP32", ("n", 2, 1), "metadata declares x with shape [-1, 2]; in the model it is [-1, 2, 1]"),
    ],
)
def test_other_datatypes_and_shapes_than_declared_are_refused(
    element: str, dimensions: tuple["int | str", ...], reason: str, tmp_path: Path
) -> None:
    assert refusal(version_of(tmp_path, identity(ELEMENTS[element], dimensions), "FP32", [-1, 2], [[1, 2]])) == reason


def test_a_model_that_takes_one_example_only_is_refused(tmp_path: Path) -> None:
    version = version_of(tmp_path, identity(ELEMENTS["FP32"], (1, 2)), "FP32", [-1, 2], [[1, 2]])
    reason = refusal(version)
    assert reason.startswith("the model fails on a batch of 4")
    assert "Got: 4 Expected: 1" in reason


def test_sizes_that_the_model_leaves_open_may_be_declared(tmp_path: Path) -> None:
    version = version_of(tmp_path, identity(ELEMENTS["FP32"], ("n", "m")), "FP32", [-1, 2], [[1, 2]])
    assert model.load(version, SETTINGS).run({"x": np.ones((1, 2), np.float32)})["y"].tolist() == [[1, 1]]


def test_warm_up_covers_small_and_full_batches() -> None:
    assert model.batch_sizes(1) == [1]
    assert model.batch_sizes(6) == [1, 2, 4, 6]
    assert model.batch_sizes(8) == [1, 2, 4, 8]


def sizes_of_warm_up(digits: ModelVersion, provider: ExecutionProvider) -> list[int]:
    warmed = Model(digits, SETTINGS)
    warmed.provider = provider
    run = warmed.run
    sizes: list[int] = []

    def note(inputs: Arrays) -> Arrays:
        sizes.append(len(inputs["image"]))
        return run(inputs)

    warmed.run = note
    warmed.warm_up(6)
    return list(dict.fromkeys(sizes))


def test_a_gpu_is_warmed_up_with_every_size_and_a_cpu_with_the_ends(digits: ModelVersion) -> None:
    assert sizes_of_warm_up(digits, ExecutionProvider.CUDA) == [1, 2, 4, 6]
    assert sizes_of_warm_up(digits, ExecutionProvider.CPU) == [1, 6]


@pytest.mark.parametrize(
    ("seconds", "expected"), [([0.001, 5, *[0.002] * 7, 5], 0.002), ([0.3], 0.3)], ids=["short", "long"]
)
def test_a_call_is_timed_by_the_median_of_several_or_once_where_it_is_long(
    seconds: list[float], expected: float, digits: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Model(digits, SETTINGS)
    starts_and_ends = chain.from_iterable((0.0, second) for second in seconds)
    monkeypatch.setattr(model.time, "perf_counter", lambda: next(starts_and_ends))
    assert loaded.call_seconds(4) == expected


def test_a_model_that_drops_examples_is_refused(digits: ModelVersion) -> None:
    loaded = Model(digits, SETTINGS)

    def drop(inputs: Arrays) -> Arrays:
        return {"probabilities": inputs["image"][:1]}

    loaded.run = drop
    with pytest.raises(ModelUnusable, match=r"output probabilities of a batch of 4 has shape \[1, 8, 8, 1\]"):
        loaded.warm_up(4)


def test_a_changed_file_is_refused(own_repository: Path) -> None:
    version = repository.find(own_repository, "digits")
    version.model_path.write_bytes(version.model_path.read_bytes() + b"\0")
    assert "SHA-256" in refusal(version)


def test_another_golden_output_is_refused(own_repository: Path, golden: dict[str, Any]) -> None:
    wrong = [[value + 0.01 for value in row] for row in golden["outputs"]["probabilities"]]
    rewrite(own_repository / "digits" / "1" / "golden.json", outputs={"probabilities": wrong})
    assert "differs by 0.01, more than 0.0001" in refusal(repository.find(own_repository, "digits"))


def test_other_tensors_than_declared_are_refused(own_repository: Path) -> None:
    inputs = [{"name": "picture", "datatype": "FP32", "shape": [-1, 8, 8, 1]}]
    rewrite(own_repository / "digits" / "1" / "metadata.json", inputs=inputs)
    reason = refusal(repository.find(own_repository, "digits"))
    assert reason == "metadata declares inputs picture; the model has image"


@pytest.fixture
def gpu_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Runs what is meant for a GPU on the CPU; holds the device of each `BoundRunner` that was made."""
    devices: list[tuple[str, int]] = []

    def open_session(path: Path, _: Settings) -> Any:
        return sessions.session(path, SETTINGS)

    def bind(session: Any, inputs: Specs, outputs: Specs, device: str, device_id: int) -> BoundRunner:
        devices.append((device, device_id))
        return BoundRunner(session, inputs, outputs, "cpu", 0)

    monkeypatch.setattr(model, "session", open_session)
    monkeypatch.setattr(model, "BoundRunner", bind)
    return devices


@pytest.mark.parametrize("graphs", [False, True])
def test_a_gpu_runs_through_buffers_on_the_device_that_was_set(
    digits: ModelVersion, gpu_on_the_cpu: list[tuple[str, int]], graphs: bool
) -> None:
    inputs = {"image": np.random.default_rng(0).random((3, 8, 8, 1), np.float32)}
    plain = Model(digits, SETTINGS).run(inputs)["probabilities"]
    settings = Settings(execution_provider=ExecutionProvider.CUDA, gpu_device_id=1, cuda_graphs=graphs)
    outputs = model.load(digits, settings).run(inputs)["probabilities"]
    assert gpu_on_the_cpu == [("cuda", 1)]
    np.testing.assert_allclose(outputs, plain, atol=1e-6)


def test_cuda_graphs_need_fixed_shapes(tmp_path: Path, gpu_on_the_cpu: list[tuple[str, int]]) -> None:
    version = version_of(tmp_path, identity(ELEMENTS["FP32"], ("n", "m")), "FP32", [-1, -1], [[1, 2]])
    settings = Settings(execution_provider=ExecutionProvider.CUDA, cuda_graphs=True)
    assert "CUDA_GRAPHS needs a model in whose tensors only the batch varies" in refusal(version, settings)
    assert gpu_on_the_cpu == []
