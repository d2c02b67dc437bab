"""The model repository on disk: which versions exist, and what each declares about itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from inference_app.errors import ConfigurationError
from inference_app.tensors import TensorSpec


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ImagePreprocessing(_Frozen):
    """How pixels (0 to 255) become model input: resize, convert, then `pixel * scale + offset`."""

    kind: Literal["image"]
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    mode: Literal["L", "RGB"]
    scale: float
    offset: float

    @property
    def channels(self) -> int:
        """Numbers per pixel."""
        return 1 if self.mode == "L" else 3


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
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    labels: tuple[str, ...] | None = None
    preprocessing: ImagePreprocessing | None = None
    golden: Golden
    samples: tuple[Sample, ...] = ()
    metrics: dict[str, float] = {}

    @model_validator(mode="after")
    def _parts_agree(self) -> "Metadata":
        if self.labels and self.outputs[0].shape != (-1, len(self.labels)):
            raise ValueError(f"{len(self.labels)} labels need a first output of shape [-1, {len(self.labels)}]")
        image = self.preprocessing
        if image and self.inputs[0].shape[1:] not in (
            (image.height, image.width, image.channels),
            (image.channels, image.height, image.width),
        ):
            raise ValueError("preprocessing needs a first input of [-1, height, width, channels] or channels first")
        return self


@dataclass(frozen=True)
class ModelVersion:
    """One version's folder and what it declares."""

    directory: Path
    metadata: Metadata

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.directory / "model.onnx"


def find(repository: Path, name: str, version: str | None = None) -> ModelVersion:
    """The pinned version of a model, or the one its active.json names.

    Raises `ConfigurationError` in one line that names the path and what exists there.
    """
    model = _folder(repository, name, "MODEL_NAME")
    version = version or _read(model / "active.json", ActiveVersion).version
    directory = _folder(model, version, "MODEL_VERSION")
    found = ModelVersion(directory, _read(directory / "metadata.json", Metadata))
    if not found.model_path.is_file():
        raise ConfigurationError(f"{found.model_path} is missing; {directory} holds {_listing(directory)}")
    return found


def _folder(parent: Path, name: str, variable: str) -> Path:
    if not parent.is_dir():
        raise ConfigurationError(f"MODEL_REPOSITORY must be a folder with one folder per model, got {parent}")
    if not (parent / name).is_dir():
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
