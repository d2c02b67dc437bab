"""A version recorded in MLflow: everything it is made of first, and last the alias that servers follow."""

import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference_app.mlflow import registry, runs
from inference_app.mlflow.connection import Connection
from inference_app.mlflow.registry import RegisteredVersion
from inference_app.mlflow.runs import Run
from inference_app.pull import checksums
from inference_app.training import run as trained
from inference_app.training.published import Published

logger = logging.getLogger(__name__)

REPORTS = ("*.json", "*.png", "*.md")
"""What of a run's folder is for people; the networks stay where they are."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """Where a version goes; `run` is the folder of the run that made it, where it is at hand."""

    experiment: str
    alias: str | None
    run: Path | None


def register(connection: Connection, version: Published, request: Request) -> tuple[RegisteredVersion, bool]:
    """The version as MLflow knows it, and whether it is new there: the same bytes are registered once.

    The alias moves once every file is there. Raises `MlflowError`, `TrainingError` and `OSError`.
    """
    name = version.metadata.name
    found = registry.by_checksum(connection, name, version.checksum)
    made = found or _recorded(connection, version, request)
    if request.alias:
        registry.point(connection, request.alias, made)
    return made, found is None


def _recorded(connection: Connection, version: Published, request: Request) -> RegisteredVersion:
    metadata = version.metadata
    tags = {registry.VERSION: metadata.version, registry.CHECKSUM: version.checksum}
    described = trained.read(request.run) if request.run else None
    with runs.started(connection, request.experiment, f"{metadata.name} {metadata.version}", tags) as run:
        run.log_parameters(_parameters(version, described))
        run.log_metrics(_metrics(version, described))
        if request.run:
            _upload(run, request.run, _reports(request.run), "report")
        _upload(run, version.folder, version.files, registry.FOLDER)
        run.send(io.BytesIO(version.sums), len(version.sums), f"{registry.FOLDER}/{checksums.FILE}")
    return registry.create(connection, metadata.name, run.id, f"{run.artifacts}/{registry.FOLDER}", tags)


def _parameters(version: Published, described: trained.Run | None) -> Mapping[str, object]:
    own = {"framework": version.metadata.framework, "model_sha256": version.metadata.sha256}
    if version.metadata.preprocessing:
        own["preprocessing"] = json.dumps(version.metadata.preprocessing.model_dump(mode="json", exclude_none=True))
    if described is None:
        return own
    return {**described.parameters, "data_source": described.data_source, "data_sha256": described.data_sha256, **own}


def _metrics(version: Published, described: trained.Run | None) -> Mapping[str, Sequence[float]]:
    """Those of the version, which may be a smaller variant than the run trained, win over the run's."""
    ran = {**described.metrics, **version.metadata.metrics} if described else version.metadata.metrics
    return {**(described.course if described else {}), **{key: [value] for key, value in ran.items()}}


def _reports(folder: Path) -> list[str]:
    found = {path for pattern in REPORTS for path in folder.rglob(pattern) if path.is_file()}
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _upload(run: Run, folder: Path, names: Sequence[str], to: str) -> None:
    for name in names:
        size = (folder / name).stat().st_size
        logger.info("Uploading %s (%s bytes)", name, f"{size:,}")
        with (folder / name).open("rb") as content:
            run.send(content, size, f"{to}/{name}")
