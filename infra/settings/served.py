"""The `model` block: what is served, and how, on every target alike."""

import re
from typing import Annotated, Self

from pydantic import Field, model_validator

from inference_app.contract import MODEL_URI
from infra.settings.model import DnsLabel, Settings, unit
from infra.settings.source import SourceSettings

MAX_BODY_MIB = 256
"""What a server holds of the bodies of all unanswered requests; a larger body would always be refused."""


class BatchingSettings(Settings):
    """How requests are grouped into model calls; absent keys are left to each model's tuning, then to the server."""

    max_size: Annotated[int | None, Field(ge=1, le=1024), unit("examples")] = None
    """Most examples in one model call."""
    max_delay_ms: Annotated[float | None, Field(ge=0, le=1000), unit("milliseconds")] = None
    """Milliseconds that a free model waits for company; 0 never waits."""
    max_queue: Annotated[int | None, Field(ge=1), unit("examples")] = None
    """Examples that may wait; past it clients get 429 with Retry-After."""


class ModelSettings(Settings):
    """The model that every target of the stack serves, and the settings of its server."""

    name: DnsLabel
    """Name of the model in the repository; the one that answers `/predict` and `/invocations`."""
    version: Annotated[str, Field(pattern=r"^[0-9]+$")] | None = None
    """Its version, in quotes; absent means the repository's active one."""
    extra: tuple[DnsLabel, ...] = ()
    """Further models of the repository, in their active versions; every server holds all of them in its memory."""
    source: SourceSettings | None = None
    """Where clusters have the repository from; absent means the image's own, which every other target serves."""
    batching: BatchingSettings = BatchingSettings()
    """Dynamic batching."""
    request_timeout_seconds: Annotated[float | None, Field(gt=0, le=3600), unit("seconds")] = None
    """How long a request may wait for the model; then it gets 504. Absent means the server's default."""
    max_body_mib: Annotated[int | None, Field(ge=1, le=MAX_BODY_MIB), unit("MiB")] = None
    """Largest request body; larger ones get 413. Absent means the server's default."""

    @model_validator(mode="after")
    def _models_differ(self) -> Self:
        models = (self.name, *self.extra)
        twice = [name for name in models if models.count(name) > 1]
        if twice:
            raise ValueError(f"extra must name each model once, name included, got {twice[0]} twice")
        return self

    @model_validator(mode="after")
    def _mlflow_names_this_model(self) -> Self:
        match = re.fullmatch(MODEL_URI, self.source.mlflow or "") if self.source else None
        if match and match["name"] != self.name:
            raise ValueError(f"source.mlflow must name the model {self.name}, got {match['name']}; name one of the two")
        if match and match["number"] and self.extra:
            raise ValueError(f"source.mlflow must name an alias where extra is given, got {match[0]}: each has its own")
        return self

    @model_validator(mode="after")
    def _checksums_are_of_one_version(self) -> Self:
        if self.source and self.source.sha256 and self.version is None:
            raise ValueError("version must be given where source.sha256 is, which is of one version's files; add it")
        return self
