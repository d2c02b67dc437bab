"""Files in a folder that others have files in too."""

from collections.abc import Sequence
from pathlib import Path

from infra.manifests.workload import HEADER
from infra.preview.manifests import Manifest


def write(files: Sequence[Manifest], folder: Path) -> None:
    """Write `files` below `folder`, and remove what an earlier run wrote there and this one did not; all else stays."""
    wanted = {folder / file.path for file in files}
    for found in sorted(folder.glob("*/*.yaml")):
        if found not in wanted and _is_ours(found):
            found.unlink()
    for file in files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.text, encoding="utf-8")


def _is_ours(file: Path) -> bool:
    return file.read_text(encoding="utf-8", errors="replace").startswith(HEADER)
