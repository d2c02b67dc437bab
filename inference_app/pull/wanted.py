"""Which models a server is to find in its repository."""

from dataclasses import dataclass

from inference_app.errors import ConfigurationError
from inference_app.repository import is_name
from inference_app.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model in one version, whose SHA256SUMS may be pinned too, or in the source's active one."""

    name: str
    version: str | None = None
    sums_sha256: str | None = None


def wanted(settings: Settings) -> list[Model]:
    """The models that the settings name; raises `ConfigurationError` for a name that is a path."""
    first = Model(name=settings.model_name, version=settings.model_version, sums_sha256=settings.model_source_sha256)
    models = [first, *(Model(name=name) for name in settings.extra_models)]
    for name in (part for model in models for part in (model.name, model.version) if part):
        if not is_name(name):
            raise ConfigurationError(f"MODEL_NAME, EXTRA_MODELS and MODEL_VERSION must each name a folder, got {name}")
    return models
