"""The commands as their users run them, in the training environment."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-training" / "bin" / "python"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def python() -> Run:
    """Runs the training environment's Python with some words; a status that is not the expected one fails the test."""
    if not PYTHON.exists() and "CI" not in os.environ:
        pytest.skip("the training environment is needed; `make train-check` makes it")

    def run(*words: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "TRAINING_DATA"} | {
            "PYTHONPATH": str(ROOT)
        }
        done = subprocess.run([PYTHON, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def train(python: Run) -> Run:
    """Runs `python -m inference_app.training` with some words."""

    def run(*words: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
        return python("-m", "inference_app.training", *words, status=status)

    return run
