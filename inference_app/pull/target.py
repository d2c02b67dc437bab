"""The repository that a pull fills: what is whole already, what there is room for, and how a version gets in.

A version is filled in a folder of drafts and moved into its place once all its files are right, so that there is never
half of one; `active.json` follows. What a killed pull leaves are drafts, which the next one removes. One pull at a time
may work on a repository.
"""

import errno
import logging
import shutil
from pathlib import Path

from inference_app.pull import checksums
from inference_app.pull.download import download
from inference_app.pull.errors import PullError
from inference_app.pull.progress import Progress
from inference_app.pull.source import SourceVersion, check_pin
from inference_app.pull.wanted import Model
from inference_app.staging import record

logger = logging.getLogger("inference_app.pull")

DRAFTS = ".pull"
MIB = 1024 * 1024


class Target:
    """A model repository on disk; every method raises `OSError` for what the disk does not take."""

    def __init__(self, folder: Path, most_bytes: int | None) -> None:
        """`most_bytes` bounds what models may take together, where the disk itself does not say."""
        self._folder, self._most_bytes = folder, most_bytes
        self._drafts = folder / DRAFTS
        folder.mkdir(parents=True, exist_ok=True)
        self.discard_drafts()

    def discard_drafts(self) -> None:
        """Remove what an earlier pull left unfinished."""
        if self._drafts.exists():
            shutil.rmtree(self._drafts)

    def has(self, model: Model) -> bool:
        """Whether it is there, every byte of it; raises `PullError` where another than the pinned one is."""
        version = model.version or _active_version(self._folder / model.name)
        folder = self._folder / model.name / version if version else None
        if folder is None or not folder.is_dir():
            return False
        sums = (folder / checksums.FILE).read_bytes()
        check_pin(model, sums, str(folder))
        wrong = checksums.wrong_files(folder, checksums.parse(sums, str(folder / checksums.FILE)))
        if wrong:
            logger.warning("files are not as they were pulled", extra={"folder": str(folder), "files": wrong[:10]})
        return not wrong

    def require_room(self, needed: int, url: str) -> None:
        """Raise `PullError` where so many bytes would not fit."""
        free = shutil.disk_usage(self._folder).free
        room = min(free, self._most_bytes or free)
        if needed > room:
            raise _no_room(url, self._folder, f"{needed / MIB:.1f} MiB are needed and {room / MIB:.1f} MiB are free")

    def take(self, version: SourceVersion, progress: Progress) -> None:
        """Bring a version into its place, whole; raises `PullError`."""
        draft = self._drafts / version.path
        place = self._folder / version.path
        try:
            download(version.store, version.files, draft, progress)
            (draft / checksums.FILE).write_bytes(version.sums)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise _no_room(version.store.url, self._folder, str(error.strerror)) from None
        if place.exists():
            place.rename(self._drafts / f"{version.model.name}.replaced")
        place.parent.mkdir(exist_ok=True)
        draft.rename(place)
        if version.model.version is None:
            record.activate(place.parent, version.version)


def _active_version(folder: Path) -> str | None:
    try:
        found = record.read(folder)
    except ValueError as error:
        raise PullError(str(error)) from None
    return found.version if found else None


def _no_room(url: str, folder: Path, found: str) -> PullError:
    return PullError(f"{url} must fit into {folder}, got no room: {found}; give it more (a stack's model.source.space)")
