"""`tuning.json` beside a model: the settings that `python -m inference_app.tune` found best for it on one machine."""

import logging
from typing import TYPE_CHECKING, Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from inference_app import execution
from inference_app.contract import Execution, ExecutionProvider
from inference_app.settings import Finite, Settings

if TYPE_CHECKING:
    from inference_app.repository import ModelVersion

logger = logging.getLogger(__name__)

FILE = "tuning.json"

THREADING = frozenset({"execution", "model_threads", "intra_op_threads"})
"""Settings that are right together only: who sets one of them in the environment decides on all three."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(_Strict):
    """Where the measurement ran."""

    cpu: str
    cores: int = Field(ge=1)
    execution_provider: ExecutionProvider
    onnxruntime: str


class TunedSettings(_Strict):
    """What a measurement decides on; `Settings` says what each field means."""

    max_batch_size: Annotated[int, Field(ge=1)]
    execution: Execution
    model_threads: Annotated[int, Field(ge=0)]
    intra_op_threads: Annotated[int, Field(ge=0)]
    max_batch_delay_ms: Finite = 0


class Trial(TunedSettings):
    """One combination that was tried: medians of `rounds` measurements, and how far these lay apart."""

    examples_per_second: Finite
    spread: Finite
    p50_ms: Finite
    p99_ms: Finite
    rounds: int = Field(ge=1)


class Tuning(_Strict):
    """The content of a version's tuning.json."""

    machine: Machine
    model_sha256: str
    measured: AwareDatetime
    latency_limit_ms: Finite | None = None
    tried: tuple[Trial, ...]
    settings: TunedSettings


def apply(version: "ModelVersion", settings: Settings) -> Settings:
    """The settings for one model: those of its tuning.json, except where the environment says otherwise.

    A tuning measured with another model file, on another execution provider or with another number of cores is left
    out, with a line in the log.
    """
    tuning = version.tuning
    if tuning is None:
        return settings
    model, number = version.metadata.name, version.metadata.version
    mismatch = _mismatch(tuning, version.metadata.sha256, settings)
    if mismatch:
        logger.warning("tuning ignored", extra={"model": model, "version": number, "reason": mismatch})
        return settings
    own = settings.model_fields_set
    # Several workers share the cores that one process had for itself when it was measured.
    left_out = own | THREADING if own & THREADING or settings.workers > 1 else own
    tuned = tuning.settings.model_dump(exclude=set(left_out))
    logger.info("tuning applied", extra={"model": model, "version": number, "settings": tuned})
    return settings.model_copy(update=tuned)


def _mismatch(tuning: Tuning, sha256: str, settings: Settings) -> str | None:
    if tuning.model_sha256 != sha256:
        return "it was measured with another model file"
    provider, cores = settings.execution_provider, execution.cores()
    if tuning.machine.execution_provider is not provider:
        return f"it was measured on {tuning.machine.execution_provider}, the model runs on {provider}"
    if tuning.machine.cores != cores:
        return f"it was measured with {tuning.machine.cores} cores, here are {cores}"
    return None
