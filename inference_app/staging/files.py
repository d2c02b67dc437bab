"""Files and versions that appear whole, and survive a crash of the machine once they are there.

What is not finished is called `.<name>.draft` and lies beside what it will be, so that it moves there in one step.
"""

import errno
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DRAFT = ".draft"
REPLACED = ".replaced"


@contextmanager
def staged_version(model_folder: Path, version: str) -> Generator[Path]:
    """Gives a folder to fill: it becomes `model_folder/version` when the block ends, or goes if the block raises.

    A version of that name is replaced, which takes two steps: `discard_drafts` undoes the first should the second not
    come. The caller holds the model's lock.
    """
    target = model_folder / version
    draft = draft_of(target)
    draft.mkdir(parents=True)
    try:
        yield draft
        _sync_tree(draft)
        replaced = model_folder / f".{version}{REPLACED}"
        if target.exists():
            target.rename(replaced)
        draft.rename(target)
        sync(model_folder)
    finally:
        discard(draft)
    discard(replaced)


def discard_drafts(model_folder: Path, name: str = "*") -> set[str]:
    """Remove what a killed writer left unfinished, of which the names are returned; the caller holds the lock.

    `name` is a glob of those that are meant.
    """
    for replaced in model_folder.glob(f".{name}{REPLACED}"):
        target = model_folder / replaced.name[1 : -len(REPLACED)]
        if not target.exists():
            replaced.rename(target)
        discard(replaced)
    drafts = list(model_folder.glob(f".{name}{DRAFT}"))
    for draft in drafts:
        discard(draft)
    return {draft.name[1 : -len(DRAFT)] for draft in drafts}


def draft_of(path: Path) -> Path:
    """Where a file or folder lies while it is not finished."""
    return path.with_name(f".{path.name}{DRAFT}")


def discard(path: Path) -> None:
    """Remove a draft, if it is there; of a folder, what can be removed now."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing; raises `OSError`."""
    draft = draft_of(path)
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_json(path: Path, value: dict[str, Any], indent: int | None = 2) -> None:
    """Write `value` as JSON with a line's end, a whole file or nothing."""
    write_text(path, json.dumps(value, indent=indent) + "\n")


def sync(path: Path) -> None:
    """Have a file's content, or a folder's entries, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # of a folder on a file system that syncs files only
            raise
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        sync(path)
