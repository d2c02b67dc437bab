"""Writes versions into a model repository so that a reader never sees half of one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


@contextmanager
def staged_version(model_folder: Path, version: str) -> Iterator[Path]:
    """Gives a folder to fill: it becomes `model_folder/version` when the block ends, or goes if the block raises."""
    model_folder.mkdir(parents=True, exist_ok=True)
    target = model_folder / version
    with TemporaryDirectory(dir=model_folder, prefix=".staging-") as staging:
        folder = Path(staging) / version
        folder.mkdir()
        yield folder
        if target.exists():
            target.rename(Path(staging) / "replaced")
        folder.rename(target)


def write_text(path: Path, text: str) -> None:
    """Writes a whole file or nothing."""
    with TemporaryDirectory(dir=path.parent, prefix=".staging-") as staging:
        draft = Path(staging) / path.name
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)


def write_json(path: Path, value: dict[str, Any], indent: int | None = 2) -> None:
    """Writes `value` as JSON with a line's end, a whole file or nothing."""
    write_text(path, json.dumps(value, indent=indent) + "\n")
