"""One pull, from settings to a repository that a server can start from."""

import logging

from inference_app.errors import ConfigurationError
from inference_app.pull.errors import PullError
from inference_app.pull.opened import opened
from inference_app.pull.progress import Progress
from inference_app.pull.target import Target
from inference_app.pull.wanted import wanted
from inference_app.settings import Settings

logger = logging.getLogger("inference_app.pull")


def pull(settings: Settings) -> None:
    """Bring the models that are not there yet; where all are, the source is not even asked.

    Raises `PullError`, and `ConfigurationError` for a wrong setting.
    """
    if settings.model_source is None:
        raise ConfigurationError("MODEL_SOURCE must be the URL of a model repository, got nothing")
    url = settings.model_source.rstrip("/")
    look_up = opened(url, settings)
    models = wanted(settings)
    try:
        target = Target(settings.model_repository, settings.model_source_max_bytes)
        absent = [model for model in models if not target.has(model)]
        versions = [look_up(model) for model in absent]
        total = sum(version.size for version in versions)
        target.require_room(total, url)
        progress = Progress(total)
        for version in versions:
            logger.info("pulling", extra={"url": version.url, "size_bytes": version.size})
            target.take(version, progress)
        target.discard_drafts()
    except OSError as error:
        raise PullError(
            f"{settings.model_repository} must take the models of {url}, got {error}; check its owner and mount"
        ) from None
    pulled = [version.path for version in versions]
    logger.info("complete", extra={"pulled": pulled, "size_bytes": total, "duration_seconds": progress.seconds})
