"""A sample program, previewed once for all tests."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.preview import Plan, run

PROJECT = Path(__file__).parent / "project"
CONFIG = {"image": {"digest": None, "tags": ["one"]}, "apiToken": "hunter2"}


@pytest.fixture
def project() -> Path:
    return PROJECT


@pytest.fixture
def preview_sample() -> Callable[..., Plan]:
    def preview(**options: object) -> Plan:
        arguments = {"config": CONFIG, "secrets": ["apiToken"], **options}
        return run(_run_sample, **arguments)  # pyright: ignore[reportArgumentType]

    return preview


@pytest.fixture(scope="session")
def sample() -> Plan:
    return run(_run_sample, CONFIG, secrets=["apiToken"])


def _run_sample() -> None:
    runpy.run_path(str(PROJECT / "__main__.py"), run_name="__main__")
