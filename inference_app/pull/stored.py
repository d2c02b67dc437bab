"""A store of files, as far as a pull needs one."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file as it was when it was looked up; bytes."""

    path: str
    size: int
    etag: str | None = None


class Store(Protocol):
    """What lies below a URL; every method raises `PullError`."""

    url: str

    def find(self, path: str) -> StoredFile:
        """Look a file up; `path` is relative to the URL."""
        ...

    def part(self, file: StoredFile, start: int, end: int) -> memoryview:
        """The bytes from `start` to `end`, exclusive; parts of one file are asked for in their order."""
        ...

    def close(self) -> None:
        """End what is under way."""
        ...
