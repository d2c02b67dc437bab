import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference_app import execution, repository, tuning
from inference_app.contract import Execution, ExecutionProvider
from inference_app.errors import ConfigurationError
from inference_app.metrics import Metrics
from inference_app.repository import ModelVersion
from inference_app.served_model import ServedModel
from inference_app.settings import Settings

TUNED = {
    "max_batch_size": 2,
    "execution": "threads",
    "model_threads": 2,
    "intra_op_threads": 1,
    "max_batch_delay_ms": 0,
}


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "cores", lambda: 2)


@pytest.fixture
def content(digits: ModelVersion) -> dict[str, Any]:
    """A tuning.json that fits the shipped model on a machine with two cores."""
    figures = {"examples_per_second": 1000, "spread": 0.02, "p50_ms": 1, "p99_ms": 2, "rounds": 8}
    machine = {"cpu": "x", "cores": 2, "execution_provider": "CPUExecutionProvider", "onnxruntime": "1.31.1"}
    return {
        "machine": machine,
        "model_sha256": digits.metadata.sha256,
        "measured": "2026-01-01T00:00:00Z",
        "tried": [{**TUNED, **figures}],
        "settings": TUNED,
    }


@pytest.fixture
def version(own_repository: Path, content: dict[str, Any]) -> ModelVersion:
    return tuned(own_repository, content)


def tuned(folder: Path, content: dict[str, Any]) -> ModelVersion:
    """The shipped model with this beside it."""
    (folder / "digits" / "1" / "tuning.json").write_text(json.dumps(content))
    return repository.find(folder, "digits")


def changed(settings: Settings) -> dict[str, Any]:
    return {name: value for name, value in settings if value != getattr(Settings(), name)}


def test_without_a_tuning_the_settings_stay(digits: ModelVersion) -> None:
    settings = Settings()
    assert tuning.apply(digits, settings) is settings


def test_a_tuning_gives_the_defaults_of_its_model(version: ModelVersion) -> None:
    expected = {"max_batch_size": 2, "execution": Execution.THREADS, "model_threads": 2}
    assert changed(tuning.apply(version, Settings())) == expected


def test_what_the_environment_sets_wins(version: ModelVersion) -> None:
    settings = tuning.apply(version, Settings(max_batch_size=32))
    assert (settings.max_batch_size, settings.model_threads) == (32, 2)


@pytest.mark.parametrize(
    "own",
    [{"execution": Execution.INLINE}, {"model_threads": 1}, {"intra_op_threads": 2}],
    ids=lambda own: next(iter(own)),
)
def test_who_sets_one_of_the_threading_settings_decides_on_all(own: dict[str, Any], version: ModelVersion) -> None:
    assert changed(tuning.apply(version, Settings(**own))) == {"max_batch_size": 2, **own}


def test_several_workers_share_the_cores_by_the_servers_own_rule(version: ModelVersion) -> None:
    assert changed(tuning.apply(version, Settings(workers=2))) == {"workers": 2, "max_batch_size": 2}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cores": 16}, "it was measured with 16 cores, here are 2"),
        (
            {"execution_provider": "CUDAExecutionProvider"},
            "it was measured on CUDAExecutionProvider, the model runs on CPUExecutionProvider",
        ),
    ],
)
def test_a_tuning_of_another_kind_of_machine_is_left_out_with_one_line(
    change: dict[str, Any],
    reason: str,
    own_repository: Path,
    content: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    content["machine"] |= change
    assert changed(tuning.apply(tuned(own_repository, content), Settings())) == {}
    assert [(record.levelno, vars(record)["reason"]) for record in caplog.records] == [(logging.WARNING, reason)]


def test_a_tuning_of_another_model_file_is_left_out(own_repository: Path, content: dict[str, Any]) -> None:
    content["model_sha256"] = "0" * 64
    assert changed(tuning.apply(tuned(own_repository, content), Settings())) == {}


def test_a_gpu_takes_a_tuning_that_was_measured_on_one(own_repository: Path, content: dict[str, Any]) -> None:
    content["machine"]["execution_provider"] = "CUDAExecutionProvider"
    settings = Settings(execution_provider=ExecutionProvider.CUDA)
    assert tuning.apply(tuned(own_repository, content), settings).max_batch_size == 2


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"max_batch_sise": 2}, "settings.max_batch_sise: Extra inputs are not permitted"),
        ({"max_batch_size": 0}, "settings.max_batch_size: Input should be greater than or equal to 1"),
        ({"execution": "both"}, "settings.execution: Input should be 'auto', 'inline' or 'threads'"),
    ],
)
def test_a_wrong_tuning_is_a_configuration_error_of_one_line(
    change: dict[str, Any], where: str, own_repository: Path, content: dict[str, Any]
) -> None:
    content["settings"] = {**TUNED, **change}
    with pytest.raises(ConfigurationError) as raised:
        tuned(own_repository, content)
    assert str(raised.value) == f"{own_repository / 'digits' / '1' / 'tuning.json'}: {where}"


async def batch_sizes(version: ModelVersion, golden: dict[str, Any]) -> dict[float, int]:
    """The batches in which a server with the default settings runs five examples, by their histogram's bounds."""
    metrics = Metrics()
    model = ServedModel(version, Settings(), metrics)
    try:
        await model.load()
        await model.infer({"image": np.repeat(np.array(golden["inputs"]["image"][:1], np.float32), 5, axis=0)})
    finally:
        model.close()
    counts = metrics.model(version.metadata.name, version.metadata.version).batch_size
    return {bound: count for bound, count in zip(counts.bounds, counts.counts, strict=False) if count}


async def test_each_model_is_served_with_its_own(
    version: ModelVersion, digits: ModelVersion, golden: dict[str, Any]
) -> None:
    assert await batch_sizes(version, golden) == {1.0: 1, 2.0: 2}
    assert await batch_sizes(digits, golden) == {8.0: 1}
