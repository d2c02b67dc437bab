"""What a model is at its source: the version to pull, its SHA256SUMS and its files."""

import hashlib
from dataclasses import dataclass

from inference_app.pull import checksums
from inference_app.pull.download import Wanted
from inference_app.pull.errors import PullError
from inference_app.pull.stored import Store
from inference_app.pull.wanted import Model
from inference_app.repository import is_name
from inference_app.staging import record

ACTIVE_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class SourceVersion:
    """A version, the content of its SHA256SUMS, and the files that this names, by their path in the version.

    It lies in the folder `folder` of `store`.
    """

    model: Model
    version: str
    store: Store
    folder: str
    sums: bytes
    files: dict[str, Wanted]

    @property
    def path(self) -> str:
        """Where it comes to lie in a repository."""
        return f"{self.model.name}/{self.version}"

    @property
    def url(self) -> str:
        """Where it lies at its source."""
        return f"{self.store.url}/{self.folder}"

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return len(self.sums) + sum(wanted.file.size for wanted in self.files.values())


def look_up(store: Store, model: Model) -> SourceVersion:
    """What there is to pull of a model in a repository; raises `PullError` where a file is missing."""
    version = model.version or _active(store, model.name)
    return version_in(store, f"{model.name}/{version}", model, version)


def version_in(store: Store, folder: str, model: Model, version: str) -> SourceVersion:
    """What there is to pull of a version in a folder; raises `PullError` where a file is missing."""
    sums = _read(store, f"{folder}/{checksums.FILE}", checksums.MAX_BYTES)
    check_pin(model, sums, f"{store.url}/{folder}")
    named = checksums.parse(sums, f"{store.url}/{folder}/{checksums.FILE}")
    files = {path: Wanted(file=store.find(f"{folder}/{path}"), sha256=sha256) for path, sha256 in named.items()}
    return SourceVersion(model=model, version=version, store=store, folder=folder, sums=sums, files=files)


def check_pin(model: Model, sums: bytes, where: str) -> None:
    """Raise `PullError` where a pinned SHA256SUMS is another than the one in the folder `where`."""
    got = hashlib.sha256(sums).hexdigest()
    if model.sums_sha256 not in (None, got):
        raise PullError(
            f"{where}/{checksums.FILE} must have the pinned SHA-256 {model.sums_sha256}, got {got}; pin that one if "
            "this is the version you mean"
        )


def _active(store: Store, name: str) -> str:
    path = f"{name}/{record.FILE}"
    content = _read(store, path, ACTIVE_MAX_BYTES)
    try:
        version = record.parse(content).version
    except ValueError as error:
        raise PullError(f"{store.url}/{path} {error}; write it again") from None
    if not is_name(version):
        raise PullError(f"{store.url}/{path} must name a folder beside it, got {version!r}; write it again")
    return version


def _read(store: Store, path: str, most: int) -> bytes:
    file = store.find(path)
    if file.size > most:
        raise PullError(f"{store.url}/{path} must have at most {most} bytes, got {file.size}; write it again")
    return store.part(file, 0, file.size).tobytes()
