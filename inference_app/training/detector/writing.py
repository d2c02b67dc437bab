"""A version with a detector: every file of another version, `detector.onnx`, and what was measured of it."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference_app import repository
from inference_app.repository import Metadata
from inference_app.staging.files import staged_version, write_json
from inference_app.staging.lock import locked
from inference_app.training.detector.remainder import SCORE
from inference_app.training.errors import TrainingError
from inference_app.training.published import Published
from inference_app.training.version import METADATA

DETECTOR, REPORT = "detector.onnx", "detector.json"


def write(model: Published, detector: Path, threshold: float, report: Mapping[str, Any], version: str) -> Path:
    """Write it beside `model` as `version`, not active; returns its folder.

    A version that is there never changes: servers may have it. Raises what `check_free` raises, and `OSError`.
    """
    folder = model.folder.parent
    with locked(folder):
        check_free(model, version)
        with staged_version(folder, version) as draft:
            shutil.copytree(model.folder, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns("SHA256SUMS"))
            shutil.copyfile(detector, draft / DETECTOR)
            write_json(draft / REPORT, dict(report))
            fields = json.loads((draft / METADATA).read_bytes())
            sha256 = hashlib.sha256((draft / DETECTOR).read_bytes()).hexdigest()
            fields |= {"version": version, "detector": {"sha256": sha256, "output": SCORE, "threshold": threshold}}
            Metadata.model_validate(fields)
            write_json(draft / METADATA, fields)
    return folder / version


def check_free(model: Published, version: str) -> None:
    """Raise `TrainingError` where a version beside `model` is there, or its name can be no folder's."""
    if not repository.is_name(version) or (model.folder.parent / version).exists():
        raise TrainingError(f"--as must name a version that is not there, got {version}; name another")
