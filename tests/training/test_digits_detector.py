"""A detector of the shipped model's data: trained by its command, asked through a server."""

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from inference_app.process import ServerProcess
from tests.training.conftest import Run
from tests.training.test_digits import MODELS, WORK

pytestmark = pytest.mark.slow
SCRIPTS = Path(__file__).with_name("scripts")


@pytest.fixture(scope="module")
def models(train: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the other digits' tests made, which run before these."""
    if not (MODELS / "digits/1").is_dir():
        train("pipeline", "--repository", MODELS, "--version", "1", "--work", WORK)
    repository = tmp_path_factory.mktemp("models")
    shutil.copytree(MODELS / "digits/1", repository / "digits/1")
    return repository


@pytest.fixture(scope="module")
def table(models: Path, train: Run) -> str:
    """What the command said of version 2, the detector's."""
    words = ["--data", WORK / "data", "--run", WORK / "run"]
    return train("detector", models / "digits/1", "--as", "2", *words).stdout


@pytest.fixture(scope="module")
def images(python: Run, tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.float32]:
    """The held-out images, clean ones first and then attacked ones: float32 [2, n, 8, 8, 1]."""
    file = tmp_path_factory.mktemp("images") / "images.npy"
    python(SCRIPTS / "attacked.py", WORK, file)
    return np.load(file)


def test_four_of_five_attacked_images_get_400_and_one_clean_one_in_fifty_at_most(
    models: Path, table: str, images: NDArray[np.float32]
) -> None:
    environment = {"MODEL_REPOSITORY": str(models), "MODEL_NAME": "digits", "MODEL_VERSION": "2"}
    with ServerProcess(environment) as process, httpx.Client(base_url=process.url()) as client:
        process.until("ready")
        clean, attacked = ([ask(client, image) for image in some] for some in images)

    refused = [answer.json() for answer in attacked if answer.status_code == 400]
    assert len(refused) >= 0.8 * len(attacked)
    assert sum(answer.status_code == 400 for answer in clean) <= 0.02 * len(clean)
    assert all(answer["score"] > answer["threshold"] for answer in refused)
    share = next(line.split()[1] for line in table.splitlines() if line.startswith("fgsm"))
    assert float(share.rstrip("%")) == pytest.approx(100 * len(refused) / len(attacked), abs=0.5)


def test_the_report_has_every_attack_the_cost_and_what_it_was_measured_with(models: Path, table: str) -> None:
    del table
    report: dict[str, Any] = json.loads((models / "digits/2/detector.json").read_bytes())
    metadata = json.loads((models / "digits/2/metadata.json").read_bytes())

    assert {"clean", "fgsm", "pgd, 40 steps", "pgd that knows the detector", "noise"} <= set(report["refused"])
    assert report["refused"]["fgsm"] >= 0.8
    assert report["refused"]["pgd, 40 steps"] > report["refused"]["pgd that knows the detector"]
    assert 0 < report["microseconds"]["detector"] < report["microseconds"]["model"]
    assert report["threshold"] == metadata["detector"]["threshold"]
    assert report["data_sha256"] == json.loads((WORK / "data/data.json").read_bytes())["sha256"]
    assert report["model_sha256"] == metadata["sha256"]


def test_a_detector_that_catches_too_little_is_not_written(models: Path, train: Run) -> None:
    before = sorted(path.name for path in (models / "digits").iterdir())
    words = ["--data", WORK / "data", "--run", WORK / "run", "--epsilon", "0.004", "--least-caught", "0.9"]

    refused = train("detector", models / "digits/1", "--as", "3", *words, status=1)

    assert refused.stderr.strip().splitlines()[-1].startswith("FGSM must be caught in at least 90% of the held-out")
    assert sorted(path.name for path in (models / "digits").iterdir()) == before


def ask(client: httpx.Client, image: NDArray[np.float32]) -> httpx.Response:
    return client.post("/predict", json={"inputs": [image.tolist()]})
