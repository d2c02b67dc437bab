"""One writer at a time in a model's folder.

A lock of `flock` ends with its holder, however that ends. NFS clients carry it to the server, where it holds for every
node, on EFS and Azure Files as on others (https://man7.org/linux/man-pages/man2/flock.2.html, "NFS details"); not on a
mount with `nolock` or `local_lock`. There the lock needs a file that is open for writing, which a folder never is.
"""

import fcntl
import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from inference_app.staging.files import discard_drafts

logger = logging.getLogger(__name__)

FILE = ".lock"
WAIT_SECONDS = 30.0
PAUSE_SECONDS = 0.05


@contextmanager
def locked(model_folder: Path, wait_seconds: float = WAIT_SECONDS) -> Generator[set[str]]:
    """Keep other writers out of a model's folder, which is made if need be, and wait for one that is at work.

    What a killed writer left unfinished goes, and its names are given. Readers need no lock. Raises `TimeoutError`
    after `wait_seconds`, and `OSError` where locks cannot be had.
    """
    model_folder.mkdir(parents=True, exist_ok=True)
    # The file stays: who removes it takes it from under another that waits for it.
    with (model_folder / FILE).open("a", encoding="utf-8") as file:
        _take(file, model_folder, wait_seconds)
        yield discard_drafts(model_folder)


def _take(file: TextIO, folder: Path, wait_seconds: float) -> None:
    if _is_taken(file, folder):
        return
    logger.warning("another process is writing in %s; waiting up to %g seconds", folder, wait_seconds)
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
        if _is_taken(file, folder):
            return
    raise TimeoutError(f"{folder} is still being written by another process after {wait_seconds:g} seconds; try later")


def _is_taken(file: TextIO, folder: Path) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}; writing needs a file system with locks", str(folder)) from None
    return True
