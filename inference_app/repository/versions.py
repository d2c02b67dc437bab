"""The versions in a repository, as whoever serves them finds them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from inference_app import tuning
from inference_app.errors import ConfigurationError, ModelUnusable, NotInRepository
from inference_app.repository.metadata import Metadata
from inference_app.staging import files, record
from inference_app.staging.record import ActiveVersion
from inference_app.tuning import Tuning


@dataclass(frozen=True)
class ModelVersion:
    """One version's folder, what it declares, and the settings measured for it, if they were."""

    directory: Path
    metadata: Metadata
    tuning: Tuning | None = None

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.directory / "model.onnx"

    @property
    def detector_path(self) -> Path:
        """The ONNX file of the detector, which `metadata.detector` declares where there is one."""
        return self.directory / "detector.onnx"

    @property
    def hook_path(self) -> Path:
        """The Python hook, which `metadata.hook_sha256` declares where there is one."""
        return self.directory / "preprocess.py"


def names(repository: Path) -> list[str]:
    """The models with an active version; raises `ConfigurationError` where the repository is no folder."""
    return [model.name for model in model_folders(repository) if (model / record.FILE).is_file()]


def find(repository: Path, name: str, version: str | None = None) -> ModelVersion:
    """The pinned version of a model, or the one its active.json names.

    Raises `ConfigurationError` in one line that names the path and what exists there: `NotInRepository` where the model
    or the version is not there at all.
    """
    model = model_folder(repository, name)
    return read(version_folder(model, version or _active(model)))


def active_version(repository: Path, name: str) -> str:
    """The version that a model's active.json names, whether or not it is there; raises as `find` does."""
    return _active(model_folder(repository, name))


def read(directory: Path) -> ModelVersion:
    """The version in a folder: its metadata and tuning, the files it declares and no others that could run.

    Raises `ConfigurationError` in one line.
    """
    metadata = _read(directory / "metadata.json", Metadata)
    measured = directory / tuning.FILE
    found = ModelVersion(directory, metadata, _read(measured, Tuning) if measured.is_file() else None)
    if not found.model_path.is_file():
        raise ConfigurationError(f"{found.model_path} is missing; {directory} holds {_listing(directory)}")
    _check_companion(found.hook_path, "hook_sha256", declared=metadata.hook_sha256 is not None)
    _check_companion(found.detector_path, "detector", declared=metadata.detector is not None)
    return found


def check_digest(version: ModelVersion) -> None:
    """Raise `ModelUnusable` unless the ONNX file is the one that the metadata declares."""
    with version.model_path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != version.metadata.sha256:
        raise ModelUnusable(f"{version.model_path} has SHA-256 {digest}, its metadata says {version.metadata.sha256}")


def write(path: Path, document: BaseModel) -> Path:
    """Write a file of a version, the whole file or nothing; raises `OSError`."""
    files.write_text(path, document.model_dump_json(indent=2) + "\n")
    return path


def model_folders(repository: Path) -> list[Path]:
    """The folders of all models; raises `ConfigurationError` where the repository is no folder."""
    return _folders(_existing(repository))


def version_folders(model: Path) -> list[Path]:
    """The folders of a model's versions: 2 comes before 10, and numbers before names."""
    return sorted(_folders(model), key=lambda path: (not path.name.isdecimal(), len(path.name), path.name))


def model_folder(repository: Path, name: str) -> Path:
    """A model's folder; raises `ConfigurationError` with what there is."""
    return _folder(_existing(repository), name, "MODEL_NAME")


def version_folder(model: Path, version: str) -> Path:
    """The folder of a model's version; raises `ConfigurationError` with what there is."""
    return _folder(model, version, "MODEL_VERSION")


def active(model: Path) -> ActiveVersion | None:
    """A model's record, None where no version is active yet; raises `ConfigurationError`."""
    try:
        return record.read(model)
    except OSError as error:
        raise ConfigurationError(f"{model / record.FILE} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def is_name(text: str) -> bool:
    """Whether it can be a model's or version's: the name of one folder, no path, and not hidden as drafts are."""
    return bool(text) and text.isprintable() and Path(text).name == text and not text.startswith(".")


def _active(model: Path) -> str:
    found = active(model)
    if found is None:
        command = f"python -m inference_app.repository promote {model.name} VERSION"
        raise ConfigurationError(f"{model / record.FILE} is missing: no version is active; promote one: {command}")
    return found.version


def _check_companion(path: Path, field: str, *, declared: bool) -> None:
    if declared and not path.is_file():
        raise ConfigurationError(f"{path} is missing; metadata.json declares it as {field}")
    if path.is_file() and not declared:
        raise ConfigurationError(f"{path} is there, but metadata.json has no {field}: declare it or take it away")


def _existing(repository: Path) -> Path:
    if not repository.is_dir():
        raise ConfigurationError(f"MODEL_REPOSITORY must be a folder with one folder per model, got {repository}")
    return repository


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if is_name(path.name) and path.is_dir())


def _folder(parent: Path, name: str, variable: str) -> Path:
    # Clients name models too: a name is one folder's, never a path.
    if not is_name(name) or not (parent / name).is_dir():
        raise NotInRepository(f"{variable} {name} is not in {parent}, which holds {_listing(parent)}")
    return parent / name


def _listing(directory: Path) -> str:
    return ", ".join(sorted(path.name for path in directory.iterdir() if is_name(path.name))) or "nothing"


T = TypeVar("T", bound=BaseModel)


def _read(path: Path, kind: type[T]) -> T:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from None
