"""A checkout with a stack, real model servers, and the user's credentials, which are none."""

import importlib
import json
import warnings
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from inference_app.process import ServerProcess
from infra.smoke.__main__ import main
from tests.infra.smoke.cloud import ACCESS_KEY, SECRET_KEY, TOKEN

ROOT = Path(__file__).parents[3]


class Run(NamedTuple):
    """What a run printed, and its exit code."""

    code: int
    out: str
    err: str

    def verdict(self, name: str) -> str:
        """The line that says why an endpoint failed."""
        (line,) = [line for line in self.out.splitlines() if line.startswith(f"{name}: ")]
        return line


Smoke = Callable[..., Run]


@pytest.fixture(scope="session")
def server() -> Generator[str]:
    """A model server's address."""
    with ServerProcess({}) as process:
        process.until("ready")
        yield process.url()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A program with a stack that names no version, and the shipped models."""
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n", encoding="utf-8")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  p:model: {name: digits}\n", encoding="utf-8")
    (tmp_path / "inference_app").symlink_to(ROOT / "inference_app")
    return tmp_path


@pytest.fixture
def smoke(checkout: Path, capsys: pytest.CaptureFixture[str]) -> Smoke:
    """Runs the command on endpoints by name, with `digits` as their model."""

    def run(endpoints: dict[str, dict[str, str]], *arguments: str) -> Run:
        outputs = checkout / "outputs.json"
        named = {name: {"model": "digits", **endpoint} for name, endpoint in endpoints.items()}
        outputs.write_text(json.dumps({"endpoints": named}), encoding="utf-8")
        code = main(["--stack", "dev", "--outputs", str(outputs), *arguments], checkout)
        printed = capsys.readouterr()
        return Run(code, printed.out, printed.err)

    return run


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Credentials and nothing else of the machine's own configuration."""
    for name, value in {
        "ACCESS_KEY_ID": ACCESS_KEY,
        "SECRET_ACCESS_KEY": SECRET_KEY,
        "EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", str(tmp_path / "absent"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return monkeypatch


@pytest.fixture(scope="session")
def sagemaker_sdk() -> Any:
    """Amazon's SDK, imported once; its source text makes Python 3.12 warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("sagemaker.core.resources")


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a stand-in for the Azure CLI, alone on PATH, writes its arguments; it gives out a token."""
    log = tmp_path / "calls"
    (tmp_path / "az").write_text(f'#!/bin/sh\necho "$@" >> {log}\necho {TOKEN}\n', encoding="utf-8")
    (tmp_path / "az").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return log
