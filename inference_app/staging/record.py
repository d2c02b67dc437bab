"""active.json: which version of a model is in service, and which were before it."""

import json
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from inference_app.staging.files import write_json

FILE = "active.json"
KEPT = 20
"""Versions that a record remembers beside the active one."""


@dataclass(frozen=True)
class ActiveVersion:
    """The content of a model's active.json: the version in service, and those served before it, newest first."""

    version: str
    previous: tuple[str, ...] = ()

    def promoted(self, version: str) -> "ActiveVersion":
        """After another version took over."""
        return self if version == self.version else ActiveVersion(version, (self.version, *self.previous)[:KEPT])

    def rolled_back(self, steps: int) -> "ActiveVersion":
        """So many versions earlier, 1 to `len(previous)`; what was served since is forgotten."""
        return ActiveVersion(self.previous[steps - 1], self.previous[steps:])

    def without(self, version: str) -> "ActiveVersion":
        """As if the version, which is not the active one, had never been served."""
        kept = [each for each, _ in groupby(each for each in (self.version, *self.previous) if each != version)]
        return ActiveVersion(kept[0], tuple(kept[1:]))


def parse(content: bytes) -> ActiveVersion:
    """The content of a record, of one without `previous` too; raises `ValueError`."""
    try:
        fields: Any = json.loads(content)
        versions = (fields["version"], *fields.get("previous", ()))
    except (ValueError, TypeError, KeyError, AttributeError):
        versions = ()
    if not versions or not all(isinstance(version, str) and version for version in versions):
        got = content[:200].decode(errors="replace")
        raise ValueError(f'must be like {{"version": "2", "previous": ["1"]}}, got {got}')
    return ActiveVersion(versions[0], versions[1:])


def read(model_folder: Path) -> ActiveVersion | None:
    """A model's record, None where no version is active yet; raises `OSError`, and `ValueError` in one line."""
    path = model_folder / FILE
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{path} {error}; write it again") from None


def write(model_folder: Path, record: ActiveVersion) -> None:
    """Replace a model's record; the caller holds the model's lock and has the versions in place."""
    write_json(model_folder / FILE, {"version": record.version, "previous": list(record.previous)})


def activate(model_folder: Path, version: str) -> None:
    """Make a version the active one, unless it is; raises what `read` raises."""
    old = read(model_folder)
    new = old.promoted(version) if old else ActiveVersion(version)
    if new != old:
        write(model_folder, new)
