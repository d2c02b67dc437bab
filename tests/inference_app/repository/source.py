"""Folders with a version, as somebody who adds one has them."""

import json
import shutil
from pathlib import Path
from typing import Any

from inference_app.repository import ModelVersion

FILES = ("model.onnx", "metadata.json", "golden.json")


def make_version(shipped: ModelVersion, folder: Path, **changes: Any) -> Path:
    """The shipped model with other metadata, in a new folder."""
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copy(shipped.directory / name, folder)
    (folder / "more").mkdir()
    (folder / "more" / "notes.txt").write_text("Trained on a Monday.")
    path = folder / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "samples": [], **changes}))
    return folder
