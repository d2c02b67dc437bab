"""The versions pinned in `versions.yaml`."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def pinned() -> dict[str, Any]:
    """The file's content: `kubernetes` by minor version, `charts` by name."""
    return yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


def kubernetes_versions() -> tuple[str, ...]:
    """The Kubernetes minor versions that the program is made for and its checks know, oldest first."""
    return tuple(pinned()["kubernetes"])
