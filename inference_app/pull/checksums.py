"""SHA256SUMS, as `sha256sum` writes it: the files of a version, and what each must be."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from inference_app.pull.errors import PullError

FILE = "SHA256SUMS"
MAX_BYTES = 1024 * 1024

# https://www.gnu.org/software/coreutils/manual/html_node/cksum-output-modes.html
_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64}) [ *](\./)?(?P<path>.+)")


def parse(content: bytes, where: str) -> dict[str, str]:
    """SHA-256 by path within the version; raises `PullError`, which names `where` the sums are from."""
    lines = content.decode(errors="replace").splitlines()
    sums = dict(_entry(line, f"{where}: line {number}") for number, line in enumerate(lines, 1))
    if len(sums) < len(lines):
        raise PullError(f"{where} must name each file once, got one twice; write it again with sha256sum")
    if not sums:
        raise PullError(f"{where} must name every file of the version, got none; write it with sha256sum")
    return sums


def of(folder: Path) -> bytes:
    """The SHA256SUMS of a folder, the same for the same files; raises `OSError`."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return "".join(f"{sha256(files[name])}  {name}\n" for name in sorted(files) if name != FILE).encode()


def _entry(line: str, where: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if not match:
        raise PullError(
            f"{where} must be a SHA-256, two spaces and a path, got {line[:200]!r}; write it with sha256sum"
        )
    path = match["path"]
    if not _is_inside(path):
        raise PullError(f"{where} must name a file inside the version, got {path!r}; write it inside that folder")
    return path, match["sha256"]


def _is_inside(path: str) -> bool:
    """Whether it is a plain relative path, one that every store and disk reads alike."""
    parts = PurePosixPath(path).parts
    is_plain = "/".join(parts) == path and path.isprintable() and "\\" not in path
    return is_plain and ".." not in parts and path != FILE


def sha256(path: Path) -> str:
    """A file's SHA-256, read in small pieces; raises `OSError`."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def wrong_files(folder: Path, sums: Mapping[str, str]) -> list[str]:
    """The files of a folder that are missing or not what the sums say."""
    return [name for name, wanted in sums.items() if not _is_file_with(folder / name, wanted)]


def _is_file_with(path: Path, wanted: str) -> bool:
    return path.is_file() and sha256(path) == wanted
