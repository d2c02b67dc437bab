"""run.json: what was trained, how, and how well; and the other files of a run's folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from inference_app.training.dataset.manifest import Manifest
from inference_app.training.errors import TrainingError

if TYPE_CHECKING:
    import keras

FILE, MODEL, REPORT, PICTURE = "run.json", "model.keras", "report.json", "confusion.png"
EXPORTS, OPTIMISED = "exports", "optimised"
ONNX, LITERT, SAVED_MODEL = "model.onnx", "model.tflite", "saved_model"
"""In a run's exports."""
OUTPUT = "probabilities"


class Run(BaseModel):
    """The content of run.json; `metrics` are of the held-out part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    framework: str
    data_source: str
    data_sha256: str
    parameters: dict[str, bool | int | float | str]
    metrics: dict[str, float]
    course: dict[str, list[float]]
    """Loss and accuracy of each epoch, of the train and the validation part."""


def read(folder: Path) -> Run:
    """The run.json of a folder that `train` wrote; raises `TrainingError`."""
    path = folder / FILE
    try:
        return Run.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise TrainingError(f"{folder} must be a folder that `train` wrote, got one without {FILE}") from None
    except ValidationError as error:
        raise TrainingError(f"{path} must be as `train` writes it; run it again: {error.errors()[0]['msg']}") from None


def check_same_data(run: Run, manifest: Manifest) -> None:
    """Raise `TrainingError` unless the run learned from that data: its held-out part would hold nothing out."""
    if run.data_sha256 != manifest.sha256:
        raise TrainingError(
            f"the data must be what the run learned from, {run.data_sha256[:12]}, got {manifest.sha256[:12]}; name it "
            "with --data"
        )


def exports(folder: Path) -> Path:
    """Where a run's exports lie; raises `TrainingError` where it has none."""
    found = folder / EXPORTS
    if not (found / ONNX).is_file():
        raise TrainingError(f"{folder} must have been exported, got no {EXPORTS}; run `export` first")
    return found


def load_model(folder: Path) -> "keras.Model":
    """The trained network of a run."""
    import keras

    return keras.saving.load_model(folder / MODEL)
