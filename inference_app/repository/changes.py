"""What changes a repository: adding and removing versions, and choosing the active one.

Each change is made under the model's lock and in an order that leaves nothing half done: a version is there before a
record names it, and a record has forgotten a version before it goes.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from inference_app.repository import versions
from inference_app.repository.versions import ModelVersion
from inference_app.staging import files, record
from inference_app.staging.lock import locked
from inference_app.staging.record import ActiveVersion

CHUNK_BYTES = 1024 * 1024


class RefusedChangeError(Exception):
    """The repository stays as it is; the message is one line: what is wrong, and what to do."""


def add(repository: Path, source: Path, wait_seconds: float, prove: Callable[[ModelVersion], None]) -> ModelVersion:
    """Copy the version in a folder to where its metadata says, unless the same bytes are there; returns the copy.

    `prove` raises for a model that must not be served. Raises `RefusedChangeError`, `ConfigurationError`,
    `ModelUnusable` and `OSError`.
    """
    versions.model_folders(repository)  # raises where there is no repository
    given = versions.read(source)
    sums = _sums(source)
    _check_files(given, sums)
    prove(given)
    model = repository / given.metadata.name
    target = model / given.metadata.version
    with locked(model, wait_seconds):
        if not target.exists():
            _copy(source, sums, target)
        elif not sums.items() <= _sums(target).items():
            raise RefusedChangeError(f"{target} is there with other files; add yours under another version")
    return versions.read(target)


def promote(repository: Path, name: str, version: str, wait_seconds: float) -> ActiveVersion:
    """Make a version the active one; returns the record.

    Raises `ConfigurationError` where it is missing, `ModelUnusable` where its checksum is wrong, and `OSError`.
    """
    model = versions.model_folder(repository, name)
    with locked(model, wait_seconds):
        versions.check_digest(versions.read(versions.version_folder(model, version)))
        old = versions.active(model)
        return _replace(model, old, old.promoted(version) if old else ActiveVersion(version))


def roll_back(repository: Path, name: str, steps: int, wait_seconds: float) -> tuple[ActiveVersion, ActiveVersion]:
    """Make the version active that was so many before; returns the record as it was and as it is.

    Raises `RefusedChangeError` where the record does not reach back so far, and what `promote` raises.
    """
    model = versions.model_folder(repository, name)
    with locked(model, wait_seconds):
        old = versions.active(model)
        before = old.previous if old else ()
        if old is None or steps > len(before):
            known = ", ".join(before) or "none"
            raise RefusedChangeError(f"{name} cannot go back {steps}; served before, newest first: {known}")
        new = old.rolled_back(steps)
        versions.check_digest(versions.read(versions.version_folder(model, new.version)))
        return old, _replace(model, old, new)


def remove(repository: Path, name: str, version: str, wait_seconds: float, *, force: bool) -> None:
    """Remove a version, also where a killed removal left some of it; with `force` the one served before, too.

    Raises `RefusedChangeError` for a version in use, `ConfigurationError` where it is missing, and `OSError`.
    """
    model = versions.model_folder(repository, name)
    with locked(model, wait_seconds) as unfinished:
        if version in unfinished and not (model / version).exists():
            return
        target = versions.version_folder(model, version)
        old = versions.active(model)
        if old:
            _check_unused(old, name, version, force=force)
            _replace(model, old, old.without(version))
        draft = files.draft_of(target)
        target.rename(draft)
        files.sync(model)
        files.discard(draft)


def _replace(model: Path, old: ActiveVersion | None, new: ActiveVersion) -> ActiveVersion:
    if new != old:
        record.write(model, new)
    return new


def _check_unused(used: ActiveVersion, name: str, version: str, *, force: bool) -> None:
    if version == used.version:
        raise RefusedChangeError(f"{name} {version} is the active version; promote another first")
    if version in used.previous[:1] and not force:
        raise RefusedChangeError(f"{name} {version} is what a rollback would take; remove it with --force")


def _check_files(version: ModelVersion, sums: dict[str, str]) -> None:
    metadata, where = version.metadata, version.directory / "metadata.json"
    for key, value in (("name", metadata.name), ("version", metadata.version)):
        if not versions.is_name(value):
            raise RefusedChangeError(f"{where}: {key} must be a folder's name, not hidden, got {value!r}; rename it")
    found = sums[version.model_path.name]
    if found != metadata.sha256:
        raise RefusedChangeError(f"{version.model_path} has SHA-256 {found}, its metadata says {metadata.sha256}")
    if metadata.golden.file not in sums:
        golden = version.directory / metadata.golden.file
        raise RefusedChangeError(f"{golden} is missing; metadata.json declares it as golden")


def _sums(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder, by its path there."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        if not path.is_file():
            raise RefusedChangeError(f"{path} must be a file or a folder, no link to a folder; put a copy there")
        with path.open("rb") as file:
            found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _copy(source: Path, sums: dict[str, str], target: Path) -> None:
    with files.staged_version(target.parent, target.name) as draft:
        for name, wanted in sums.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            if _copied(source / name, draft / name) != wanted:
                raise RefusedChangeError(f"{source / name} changed while it was copied; add it again when it is done")


def _copied(source: Path, target: Path) -> str:
    """Copy a file; the SHA-256 of what was written."""
    digest = hashlib.sha256()
    with source.open("rb") as given, target.open("xb") as out:
        while content := given.read(CHUNK_BYTES):
            digest.update(content)
            out.write(content)
    return digest.hexdigest()
