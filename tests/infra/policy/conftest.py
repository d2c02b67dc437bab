"""The stacks that ship, and environments for programs that share none with the server."""

import runpy
import subprocess
import sys
from collections.abc import Callable
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


@pytest.fixture(scope="session")
def environment() -> Callable[[str, Path], Path]:
    """Makes build/<name> from locked requirements; where its programs are."""
    uv = Path(sys.executable).with_name("uv")

    def make(name: str, locked: Path) -> Path:
        folder = ROOT / "build" / name
        subprocess.run([uv, "venv", "--quiet", "--allow-existing", folder], check=True)
        subprocess.run([uv, "pip", "sync", "--quiet", "--python", folder / "bin/python", locked], check=True)
        return folder / "bin"

    return make
