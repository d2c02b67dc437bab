"""What a lock file says, read without the parser that the product uses."""

import re
from pathlib import Path

from packaging.markers import Marker

from infra.versions import pinned

PYTHON = pinned()["bases"]["python"]["version"]
LOCK = Path(__file__).parents[3] / "inference_app/requirements-cpu.txt"
LINE = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; ([^\\\n]+))?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)", re.MULTILINE)
IMAGE = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "sys_platform": "linux"}


def locked() -> dict[str, tuple[str, set[str]]]:
    """Version and hashes by package, of those that the image gets."""
    return {
        name: (version, set(re.findall(r"sha256:(\w+)", hashes)))
        for name, version, marker, hashes in LINE.findall(LOCK.read_text(encoding="utf-8"))
        if not marker or Marker(marker).evaluate({**IMAGE})
    }
