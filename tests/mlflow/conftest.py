"""Models that the real server has, each for one test."""

import hashlib
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference_app import repository
from inference_app.pull.download import PART_BYTES
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from inference_app.training.__main__ import main
from inference_app.training.run import Run
from tests.inference_app.pull.process import Pull
from tests.mlflow.server import mlflow_server

WEIGHTS_BYTES = 2 * PART_BYTES + 1000


@pytest.fixture(scope="session")
def digits() -> ModelVersion:
    """The shipped model."""
    return repository.find(Settings().model_repository, "digits")


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's URL; it keeps its tables and files in a folder that goes."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


@dataclass(frozen=True)
class Registered:
    """A registered model of the server that no other test has, and what the server says of it."""

    url: str
    name: str

    def register(self, version: Path, *others: str) -> int:
        """The command's exit status."""
        return main(["register", str(version), *others])

    def champion(self) -> dict[str, Any]:
        """The version that the alias names."""
        return self.get("registered-models/alias", name=self.name, alias="champion")["model_version"]

    def run(self, number: str) -> dict[str, Any]:
        """A run."""
        return self.get("runs/get", run_id=number)["run"]

    def runs(self) -> list[dict[str, Any]]:
        """The runs of the model's experiment, newest first."""
        found = self.get("experiments/get-by-name", experiment_name=self.name)["experiment"]["experiment_id"]
        return self.post("runs/search", experiment_ids=[found])["runs"]

    def files(self, run: dict[str, Any], folder: str) -> list[str]:
        """The files of a run in one folder."""
        listed = self.get("artifacts/list", run_id=run["info"]["run_id"], path=folder)["files"]
        return sorted(file["path"] for file in listed)

    def file_url(self, file: str) -> str:
        """Where the champion's file is."""
        root = self.run(self.champion()["run_id"])["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
        return f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{root}/model/{file}"

    def get(self, question: str, **fields: str) -> dict[str, Any]:
        """An answer of the server."""
        return httpx.get(f"{self.url}/api/2.0/mlflow/{question}", params=fields, timeout=30).raise_for_status().json()

    def post(self, order: str, **fields: object) -> dict[str, Any]:
        """The same of what is posted."""
        return httpx.post(f"{self.url}/api/2.0/mlflow/{order}", json=fields, timeout=30).raise_for_status().json()


@pytest.fixture
def version(digits: ModelVersion, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the shipped model, under a name of the test's own, with a file that comes in several parts."""
    name = f"model-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:8]}"
    folder = tmp_path / "repository" / name / "1"
    shutil.copytree(digits.directory, folder)
    metadata = json.loads((folder / "metadata.json").read_bytes()) | {"name": name}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    (folder / "weights.bin").write_bytes(random.Random(1).randbytes(WEIGHTS_BYTES))
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """What `train` writes, as far as it is recorded."""
    folder = tmp_path / "run"
    folder.mkdir()
    described = Run(
        name="digits",
        framework="none",
        data_source="scans",
        data_sha256="d" * 64,
        parameters={"epochs": 7},
        metrics={"held_out_accuracy": 0.9},
        course={"loss": [1.0, 0.5, 0.25]},
    )
    (folder / "run.json").write_text(described.model_dump_json())
    (folder / "confusion.png").write_bytes(b"a picture")
    (folder / "model.keras").write_bytes(b"weights that stay")
    return folder


@pytest.fixture
def registered(mlflow: str, version: Path, monkeypatch: pytest.MonkeyPatch) -> Registered:
    """The test's own model."""
    for name in ("TOKEN", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow)
    return Registered(mlflow, version.parent.name)


@pytest.fixture
def pull(registered: Registered, version: Path, tmp_path: Path) -> Pull:
    """A pull of the champion into an empty repository."""
    assert registered.register(version) == 0
    return Pull(
        tmp_path / "models",
        {
            "MODEL_SOURCE": f"models:/{registered.name}@champion",
            "MODEL_NAME": registered.name,
            "MODEL_SOURCE_RETRY_SECONDS": "1",
            "MLFLOW_TRACKING_URI": registered.url,
        },
    )
