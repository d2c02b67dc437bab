"""Files fetched in parts ahead of what is being written, and checked on their way to the disk."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from inference_app.pull.errors import PullError
from inference_app.pull.progress import Progress
from inference_app.pull.stored import Store, StoredFile

PART_BYTES = 4 * 1024 * 1024
AHEAD = 8
"""Parts under way at once, of one file or of several; times their size, the memory that a download takes."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file to download, and the SHA-256 that it must have."""

    file: StoredFile
    sha256: str

    def parts(self) -> list[tuple[int, int]]:
        """Where each part begins and ends; an empty file has one, empty too."""
        size = self.file.size
        return [(start, min(start + PART_BYTES, size)) for start in range(0, max(size, 1), PART_BYTES)]


def download(store: Store, files: Mapping[str, Wanted], folder: Path, progress: Progress) -> None:
    """Write files by their paths in `folder`, which has none of them.

    Raises `PullError` for what is not as it must be, and `OSError` for what the disk does not take; then the store is
    closed and the folder is good for nothing.
    """
    asked = ((wanted.file, *part) for wanted in files.values() for part in wanted.parts())
    with ThreadPoolExecutor(AHEAD) as pool:
        contents = _in_order(pool.submit(store.part, *part) for part in asked)
        try:
            for path, wanted in files.items():
                _write(store, wanted, islice(contents, len(wanted.parts())), folder / path, progress)
        except BaseException:
            store.close()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _in_order(futures: Iterator[Future[memoryview]]) -> Iterator[memoryview]:
    """Results one by one, while `AHEAD` more are under way."""
    waiting = deque(islice(futures, AHEAD))
    while waiting:
        yield waiting.popleft().result()
        waiting.extend(islice(futures, 1))


def _write(store: Store, wanted: Wanted, contents: Iterable[memoryview], path: Path, progress: Progress) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("xb") as out:
        for content in contents:
            digest.update(content)
            out.write(content)
            progress.add(len(content))
    if digest.hexdigest() != wanted.sha256:
        raise PullError(
            f"{store.url}/{wanted.file.path} must have the SHA-256 {wanted.sha256} of its SHA256SUMS, got "
            f"{digest.hexdigest()} of {wanted.file.size} bytes; upload the version again, whole"
        )
