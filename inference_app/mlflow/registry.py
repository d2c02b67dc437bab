"""The versions of a registered model, as an MLflow server keeps them.

https://mlflow.org/docs/latest/ml/model-registry/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference_app.mlflow.connection import API, Connection, MlflowError

VERSION, CHECKSUM = "version", "checksum"
"""Tags: the version's name in a model repository, and the SHA-256 of its SHA256SUMS."""

FOLDER = "model"
"""Where a version's files are among its run's artifacts."""


@dataclass(frozen=True, kw_only=True)
class RegisteredVersion:
    """One version by MLflow's own number."""

    name: str
    number: str
    tags: Mapping[str, str]

    def __str__(self) -> str:
        return f"models:/{self.name}/{self.number}"


def by_alias(connection: Connection, name: str, alias: str) -> RegisteredVersion:
    """The version that an alias names; raises `MlflowError`."""
    return _version(connection.get(f"{API}/registered-models/alias", name=name, alias=alias)["model_version"])


def by_number(connection: Connection, name: str, number: str) -> RegisteredVersion:
    """The version of a number; raises `MlflowError`."""
    return _version(connection.get(f"{API}/model-versions/get", name=name, version=number)["model_version"])


def by_checksum(connection: Connection, name: str, checksum: str) -> RegisteredVersion | None:
    """The newest version with those very bytes, None where there is none; raises `MlflowError`."""
    wanted = f"name = '{name}' and tags.{CHECKSUM} = '{checksum}'"
    found = connection.get(f"{API}/model-versions/search", filter=wanted, order_by="version_number DESC", max_results=1)
    return next(map(_version, found.get("model_versions", [])), None)


def artifacts(connection: Connection, version: RegisteredVersion) -> str:
    """The URI of a version's folder, as `mlflow-artifacts:/1/RUN/artifacts/model`; raises `MlflowError`."""
    path = f"{API}/model-versions/get-download-uri"
    return connection.get(path, name=version.name, version=version.number)["artifact_uri"]


def create(connection: Connection, name: str, run: str, source: str, tags: Mapping[str, str]) -> RegisteredVersion:
    """A new version of a model, which is made if it is not there; raises `MlflowError`."""
    _make_model(connection, name)
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    made = connection.post("/model-versions/create", name=name, run_id=run, source=source, tags=listed)
    return _version(made["model_version"])


def point(connection: Connection, alias: str, version: RegisteredVersion) -> None:
    """Have an alias name a version, and no other any more; raises `MlflowError`."""
    connection.post("/registered-models/alias", name=version.name, alias=alias, version=version.number)


def _make_model(connection: Connection, name: str) -> None:
    try:
        connection.get(f"{API}/registered-models/get", name=name)
    except MlflowError as error:
        if error.status != 404:
            raise
        connection.post("/registered-models/create", name=name)


def _version(fields: Mapping[str, Any]) -> RegisteredVersion:
    tags = {tag["key"]: tag.get("value", "") for tag in fields.get("tags", [])}
    return RegisteredVersion(name=fields["name"], number=fields["version"], tags=tags)
