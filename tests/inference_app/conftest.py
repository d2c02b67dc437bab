"""The shipped model, copies of it to spoil, and server processes."""

import json
import shutil
import struct
import sys
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from inference_app import gpu_memory, repository
from inference_app.process import ServerProcess
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from tests.inference_app.nvml import Nvml

MODEL = "digits"


@pytest.fixture(scope="session")
def digits() -> ModelVersion:
    """The shipped model."""
    settings = Settings()
    return repository.find(settings.model_repository, MODEL)


@pytest.fixture
def own_repository(digits: ModelVersion, tmp_path: Path) -> Path:
    """A copy of the model repository that a test may spoil."""
    copy = tmp_path / "repository"
    shutil.copytree(digits.directory.parent, copy / MODEL)
    return copy


@pytest.fixture(scope="session")
def golden(digits: ModelVersion) -> dict[str, Any]:
    """The shipped golden input and output, as nested lists by tensor name."""
    return json.loads((digits.directory / digits.metadata.golden.file).read_bytes())


@pytest.fixture(scope="session")
def example(golden: dict[str, Any]) -> list[Any]:
    """One example as the model takes it."""
    return golden["inputs"]["image"][0]


@pytest.fixture(scope="session")
def server() -> Generator[httpx.Client]:
    """A client of a server with the default settings."""
    with ServerProcess({}) as process, httpx.Client(base_url=process.url()) as client:
        process.until("ready")
        yield client


@pytest.fixture(scope="session")
def strict_process() -> Generator[ServerProcess]:
    """A server with small limits whose model always waits a second for a fuller batch."""
    limits = {
        "MAX_BATCH_SIZE": "4",
        "MAX_QUEUE_SIZE": "2",
        "MAX_BATCH_DELAY_MS": "1000",
        "MAX_BODY_BYTES": "65536",
        "READ_TIMEOUT_SECONDS": "0.5",
    }
    with ServerProcess(limits) as process:
        process.until("ready")
        yield process


@pytest.fixture
def strict(strict_process: ServerProcess) -> Generator[httpx.Client]:
    """A client of the strict server."""
    with httpx.Client(base_url=strict_process.url()) as client:
        yield client


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    """A GPU to ask for its memory."""
    stand_in = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)
    monkeypatch.setattr(gpu_memory, "cuda_uuid", Nvml.by_number)
    return stand_in


@pytest.fixture(scope="session")
def bomb() -> Callable[[int, int], bytes]:
    """Makes a PNG of a few dozen bytes that declares any width and height."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    def make(width: int, height: int) -> bytes:
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")

    return make


@pytest.fixture(scope="session")
def metric() -> Callable[..., float]:
    """Reads a metric over HTTP: the sum of its samples that have the given labels."""

    def read(client: httpx.Client, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(client.get("/metrics").text)
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    return read
