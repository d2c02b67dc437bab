"""The folders that commands write: whole or not at all, and never over somebody else's files."""

from collections.abc import Generator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from inference_app.staging.files import discard_drafts, staged_version
from inference_app.training.errors import TrainingError


@contextmanager
def written(folder: Path, mark: str) -> Generator[Path]:
    """Gives a folder to fill that takes the place of `folder` when the block ends, and goes if it raises.

    Raises `TrainingError` where `folder` has files and none is called `mark`, as in every folder that was written so.
    """
    folder = folder.absolute()
    if folder.exists() and not (folder / mark).is_file() and not (folder.is_dir() and not any(folder.iterdir())):
        raise TrainingError(
            f"{folder} must be new, empty, or an earlier result with {mark}, got other files; name another"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    discard_drafts(folder.parent, escape(folder.name))
    with staged_version(folder.parent, folder.name) as draft:
        yield draft
