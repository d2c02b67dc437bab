"""What a registered model is in MLflow: the version that an alias or a number names, and where its files are."""

import re
from collections.abc import Callable
from typing import TypeVar

from inference_app.contract import BLOB_URL, MODEL_URI, S3_URL
from inference_app.errors import ConfigurationError
from inference_app.mlflow import connection, registry
from inference_app.mlflow.connection import MlflowError
from inference_app.mlflow.registry import RegisteredVersion
from inference_app.pull.artifacts import SCHEME, Artifacts, translated
from inference_app.pull.errors import PullError
from inference_app.pull.retrying import Retrying
from inference_app.pull.source import SourceVersion, version_in
from inference_app.pull.store import ObjectStore
from inference_app.pull.stored import Store
from inference_app.pull.wanted import Model
from inference_app.repository import is_name
from inference_app.settings import Settings

T = TypeVar("T")

CHECK = f"the network policy and {connection.URI}"
# https://mlflow.org/docs/latest/self-hosting/architecture/artifact-store
_AZURE = re.compile(r"(wasbs|abfss)://(?P<container>[^@/]+)@(?P<account>[^./]+)\.(blob|dfs)\.core\.windows\.net/")


class Registered:
    """The models of an MLflow server, all by the alias of the first or that one by its number."""

    def __init__(self, uri: str, settings: Settings) -> None:
        """Raises `ConfigurationError` for a URI that names nothing, or another model than the settings do."""
        self._alias, self._number = _named(uri, settings)
        self._retry_seconds = settings.model_source_retry_seconds
        try:
            self._connection = connection.from_environment()
        except MlflowError as error:
            raise ConfigurationError(str(error)) from None

    def look_up(self, model: Model) -> SourceVersion:
        """What there is to pull of a model; raises `PullError`."""
        uri = f"models:/{model.name}@{self._alias}" if self._alias else f"models:/{model.name}/{self._number}"
        found = self._ask(uri, lambda: self._version(model.name))
        version = found.tags.get(registry.VERSION, "")
        if not is_name(version):
            raise PullError(
                f"{found} must have the tag {registry.VERSION} with the version's name in a repository, got "
                f"{version or 'none'}; register it with python -m inference_app.training register"
            )
        if model.version not in (None, version):
            raise PullError(f"{uri} must be version {model.version}, as MODEL_VERSION says, got {version}; name that")
        root, _, folder = self._ask(uri, lambda: registry.artifacts(self._connection, found)).rpartition("/")
        return version_in(self._store(root), folder, model, version)

    def _version(self, name: str) -> RegisteredVersion:
        if self._alias:
            return registry.by_alias(self._connection, name, self._alias)
        return registry.by_number(self._connection, name, self._number)

    def _ask(self, uri: str, question: Callable[[], T]) -> T:
        return Retrying(self._retry_seconds, CHECK).ask(uri, lambda: translated(uri, question))

    def _store(self, root: str) -> Store:
        """Where the files are: with the server, or in an object store that it names."""
        if root.startswith(SCHEME):
            return Artifacts(self._connection, root.removeprefix(SCHEME).lstrip("/"), self._retry_seconds)
        url = _AZURE.sub(r"https://\g<account>.blob.core.windows.net/\g<container>/", root)
        if not (re.fullmatch(S3_URL, url) or re.fullmatch(BLOB_URL, url)):
            raise PullError(
                f"MLflow must keep its files itself, in S3 or in Azure Blob Storage, got {root}; register the version "
                "in an experiment that does"
            )
        return ObjectStore(url, self._retry_seconds)


def _named(uri: str, settings: Settings) -> tuple[str, str]:
    """The alias or else the number that a URI names."""
    match = re.fullmatch(MODEL_URI, uri)
    if not match:
        raise ConfigurationError(f"MODEL_SOURCE must be models:/name@alias or models:/name/number, got {uri}")
    if match["name"] != settings.model_name:
        raise ConfigurationError(
            f"MODEL_NAME must be the model that MODEL_SOURCE names, {match['name']}, got {settings.model_name}"
        )
    if match["number"] and settings.extra_models:
        extra = ", ".join(settings.extra_models)
        raise ConfigurationError(f"MODEL_SOURCE must name an alias where EXTRA_MODELS are given ({extra}), got {uri}")
    return match["alias"] or "", match["number"] or ""
