"""The stacks that ship, and environments for programs that share none with the server."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.preview import Plan, run, stack_file
from tests import environments

ROOT = Path(__file__).parents[3]
STACKS = ("dev", "prod")


@pytest.fixture(scope="session")
def plans() -> dict[str, Plan]:
    """A plan of each, by name."""
    return {name: preview(name) for name in STACKS}


def preview(name: str) -> Plan:
    return run(program, stack_file.load(ROOT, name).config, name)


def program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


@pytest.fixture(scope="session")
def environment() -> Callable[[str, Path], Path]:
    """Makes build/<name> from locked requirements; where its programs are."""
    return environments.environment
