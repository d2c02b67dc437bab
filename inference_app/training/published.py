"""A version of a model repository on its way to a registry: whole, as its metadata say, and named by its checksum."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from inference_app import repository
from inference_app.errors import ConfigurationError, ModelUnusable
from inference_app.pull import checksums
from inference_app.repository import Metadata
from inference_app.training.errors import TrainingError


@dataclass(frozen=True, kw_only=True)
class Published:
    """The version in `folder`, and its SHA256SUMS, whose own checksum stands for every byte."""

    folder: Path
    metadata: Metadata
    sums: bytes

    @property
    def checksum(self) -> str:
        """SHA-256 of its SHA256SUMS, by which a stack's `model.source.sha256` pins it too."""
        return hashlib.sha256(self.sums).hexdigest()

    @property
    def files(self) -> list[str]:
        """What SHA256SUMS names, by path in the folder."""
        return sorted(checksums.parse(self.sums, str(self.folder)))


def published(folder: Path) -> Published:
    """The version in a folder; raises `TrainingError` where a server would not load it."""
    try:
        found = repository.read(folder)
        repository.check_digest(found)
    except (ConfigurationError, ModelUnusable) as error:
        raise TrainingError(str(error)) from None
    return Published(folder=folder, metadata=found.metadata, sums=checksums.of(folder))
