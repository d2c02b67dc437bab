"""What a repository holds, a line for each version."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_app.errors import ConfigurationError
from inference_app.repository import versions
from inference_app.repository.metadata import Metadata
from inference_app.staging.record import ActiveVersion

SHA256_DIGITS = 12
HEADINGS = ("MODEL", "VERSION", "STATE", "CREATED", "SHA-256", "METRICS")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A version; `steps_back` from the active one, which has 0, or None where the record does not name it.

    It has metadata, or an `error` that keeps servers from loading it.
    """

    model: str
    version: str
    steps_back: int | None
    metadata: Metadata | None = None
    error: str | None = None

    @property
    def state(self) -> str:
        """For people."""
        if self.steps_back is None:
            return "-"
        return f"{self.steps_back} back" if self.steps_back else "active"

    def fields(self) -> dict[str, Any]:
        """For programs: plain values."""
        names = {"model": self.model, "version": self.version}
        state = {"active": self.steps_back == 0, "steps_back": self.steps_back}
        if self.metadata is None:
            return {**names, **state, "error": self.error}
        return {
            **names,
            **state,
            **self.metadata.model_dump(mode="json", include={"created", "sha256", "run", "metrics"}),
        }


def entries(repository: Path, name: str | None = None) -> Iterator[Entry]:
    """Every version of one model or of all; raises `ConfigurationError` for a missing model or a broken record."""
    models = versions.model_folders(repository) if name is None else [versions.model_folder(repository, name)]
    for model in models:
        record = versions.active(model)
        for folder in versions.version_folders(model):
            yield _entry(model.name, folder, record)


def table(found: Sequence[Entry]) -> str:
    """Headings, and a line for each version."""
    rows = [HEADINGS, *map(_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _entry(model: str, folder: Path, record: ActiveVersion | None) -> Entry:
    served = (record.version, *record.previous) if record else ()
    steps_back = served.index(folder.name) if folder.name in served else None
    try:
        metadata = versions.read(folder).metadata
    except ConfigurationError as error:
        return Entry(model=model, version=folder.name, steps_back=steps_back, error=str(error))
    return Entry(model=model, version=folder.name, steps_back=steps_back, metadata=metadata)


def _row(entry: Entry) -> tuple[str, ...]:
    names, metadata = (entry.model, entry.version, entry.state), entry.metadata
    if metadata is None:
        return (*names, "-", "-", entry.error or "-")
    metrics = " ".join(f"{name}={value:.4g}" for name, value in metadata.metrics.items())
    created = metadata.created.strftime("%Y-%m-%dT%H:%M:%S%z").replace("+0000", "Z")
    return (*names, created, metadata.sha256[:SHA256_DIGITS], metrics or "-")
