"""A repository with versions that were served one after another, and the command that changes it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inference_app.repository import ModelVersion
from inference_app.repository.__main__ import main
from tests.inference_app.repository.source import make_version

Command = Callable[..., int]


@pytest.fixture
def command(served: Path) -> Command:
    """Runs the command on that repository; returns its exit status."""
    return lambda *arguments: main([*arguments, "--repository", str(served)])


@pytest.fixture
def served(digits: ModelVersion, tmp_path: Path) -> Path:
    """Versions 1 to 4 of the shipped model were added and promoted in this order."""
    root = tmp_path / "models"
    root.mkdir()
    for version in "1234":
        folder = make_version(digits, tmp_path / "given" / version, version=version)
        assert main(["add", str(folder), "--no-check", "--promote", "--repository", str(root)]) == 0
    return root
