"""Environments of their own, for tools of tests that share no packages with the server."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def environment(name: str, locked: Path) -> Path:
    """Make build/<name> from locked requirements; where its programs are."""
    uv, folder = Path(sys.executable).with_name("uv"), ROOT / "build" / name
    subprocess.run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder], check=True)
    subprocess.run([uv, "pip", "sync", "--quiet", "--python", folder / "bin/python", locked], check=True)
    return folder / "bin"
