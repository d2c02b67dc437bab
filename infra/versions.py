"""The versions pinned in `versions.yaml`."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def pinned() -> dict[str, Any]:
    """The file's content: `kubernetes` by minor version, `charts` and `images` by name."""
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.CSafeLoader)


def kubernetes_versions() -> tuple[str, ...]:
    """The Kubernetes minor versions that the program is made for and its checks know, oldest first."""
    return tuple(pinned()["kubernetes"])


def image(name: str) -> str:
    """A pinned container image, as `name:tag@digest`; Docker goes by the digest, people by the tag."""
    pin = pinned()["images"][name]
    return f"{pin['name']}:{pin['tag']}@{pin['digest']}"
