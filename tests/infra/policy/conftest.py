"""The stacks that ship."""

import runpy
from pathlib import Path

import pytest

from infra.preview import Plan, run, stack_file

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
