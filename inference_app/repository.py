"""The model repository on disk: which versions exist, and what each declares about itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from inference_app import tuning
from inference_app.errors import ConfigurationError
from inference_app.preprocessing.declarations import (
    DetectorDeclaration,
    EmbeddingPostprocessing,
    LabelPostprocessing,
    Pooling,
    Postprocessing,
    Preprocessing,
    Sha256,
    TextPreprocessing,
)
from inference_app.tensors import TensorSpec
from inference_app.tuning import Tuning


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Golden(_Frozen):
    """An input with the output that the training framework computed for it."""

    file: str
    tolerance: float = Field(gt=0)


class Sample(_Frozen):
    """A file that a client can send, with the label it should get."""

    file: str
    label: str


class ActiveVersion(_Frozen):
    """The content of a model's active.json."""

    version: str = Field(min_length=1)


class Metadata(_Frozen):
    """The content of a version's metadata.json."""

    name: str
    version: str
    created: AwareDatetime
    framework: str
    sha256: Sha256
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    labels: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    postprocessing: Postprocessing | None = None
    hook_sha256: Sha256 | None = None
    detector: DetectorDeclaration | None = None
    golden: Golden
    samples: tuple[Sample, ...] = ()
    metrics: dict[str, float] = {}

    @model_validator(mode="after")
    def _preprocessing_fits(self) -> "Metadata":
        if self.preprocessing is None:
            return self
        if self.hook_sha256 is not None:
            raise ValueError("preprocessing is declared and left to preprocess.py (hook_sha256) at once")
        self.preprocessing.check(self.inputs)
        return self

    @model_validator(mode="after")
    def _postprocessing_fits(self) -> "Metadata":
        if self.labels is None:
            if isinstance(self.postprocessing, LabelPostprocessing):
                raise ValueError("postprocessing gives labels, none are declared")
        elif self.outputs[0].shape != (-1, len(self.labels)):
            raise ValueError(f"{len(self.labels)} labels need a first output of shape [-1, {len(self.labels)}]")
        elif not self.outputs[0].datatype.startswith("FP"):
            raise ValueError(f"labels need a first output of fractions, got {self.outputs[0].datatype}")
        if isinstance(self.postprocessing, EmbeddingPostprocessing):
            self._check_embedding(self.postprocessing.pooling)
        return self

    def _check_embedding(self, pooling: Pooling) -> None:
        dimensions = 2 if pooling is Pooling.NONE else 3
        output = self.outputs[0]
        if len(output.shape) != dimensions or not output.datatype.startswith("FP"):
            raise ValueError(f"pooling {pooling} needs a first output of fractions with {dimensions} dimensions")
        is_text = isinstance(self.preprocessing, TextPreprocessing) and self.preprocessing.mask is not None
        if pooling is Pooling.MEAN and not is_text:
            raise ValueError("pooling mean needs text preprocessing with a mask, to leave padding out")


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
    """The models that the repository holds; raises `ConfigurationError` where it is no folder."""
    return sorted(path.parent.name for path in _existing(repository).glob("*/active.json"))


def find(repository: Path, name: str, version: str | None = None) -> ModelVersion:
    """The pinned version of a model, or the one its active.json names.

    Raises `ConfigurationError` in one line that names the path and what exists there.
    """
    model = _folder(_existing(repository), name, "MODEL_NAME")
    version = version or _read(model / "active.json", ActiveVersion).version
    return read(_folder(model, version, "MODEL_VERSION"))


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


def write(path: Path, document: BaseModel) -> Path:
    """Write a file of a version, the whole file or nothing; raises `OSError`."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_text(document.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _check_companion(path: Path, field: str, *, declared: bool) -> None:
    if declared and not path.is_file():
        raise ConfigurationError(f"{path} is missing; metadata.json declares it as {field}")
    if path.is_file() and not declared:
        raise ConfigurationError(f"{path} is there, but metadata.json has no {field}: declare it or take it away")


def _existing(repository: Path) -> Path:
    if not repository.is_dir():
        raise ConfigurationError(f"MODEL_REPOSITORY must be a folder with one folder per model, got {repository}")
    return repository


def _folder(parent: Path, name: str, variable: str) -> Path:
    # Clients name models too: a name is one folder's, never a path.
    if name in ("", ".", "..") or Path(name).name != name or not (parent / name).is_dir():
        raise ConfigurationError(f"{variable} {name} is not in {parent}, which holds {_listing(parent)}")
    return parent / name


def _listing(directory: Path) -> str:
    return ", ".join(sorted(path.name for path in directory.iterdir())) or "nothing"


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
