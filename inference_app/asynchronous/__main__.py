"""`python -m inference_app.asynchronous`: a worker that answers jobs from the queue (docs/asynchronous.md)."""

import logging
import sys

from inference_app import logs, models, settings
from inference_app.asynchronous import worker
from inference_app.errors import ConfigurationError
from inference_app.http import server
from inference_app.repository import ModelVersion
from inference_app.settings import Settings

logger = logging.getLogger("inference_app")


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    try:
        if arguments:
            raise ConfigurationError(f"usage: python -m inference_app.asynchronous, got {' '.join(arguments)}")
        wanted = settings.load()
        versions = _prepare(wanted)
        listener = server.listen(wanted)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(wanted.log_level)
    status = worker.run(versions, wanted, listener)
    logger.info("stopped")
    return status


def _prepare(wanted: Settings) -> list[ModelVersion]:
    if wanted.jobs_url is None:
        raise ConfigurationError("JOBS_URL must be set for a worker of asynchronous inference, got nothing")
    if wanted.workers > 1:
        raise ConfigurationError(f"WORKERS must be 1 for a worker of asynchronous inference, got {wanted.workers}")
    return models.find(wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
