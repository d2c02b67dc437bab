"""`python -m inference_app [serve]`: serve; exit code 2 for a wrong setting or a missing model.

`serve` is how SageMaker starts a container: its variables then add to the server's own (`inference_app.sagemaker`).
"""

import logging
import os
import sys
from collections.abc import Callable
from functools import partial

from inference_app import logs, models, sagemaker, settings
from inference_app.errors import ConfigurationError
from inference_app.http import server
from inference_app.settings import Settings

logger = logging.getLogger("inference_app")

SWITCH_INTERVAL_SECONDS = 0.0005
"""How long the event loop may keep a finished model call waiting for the interpreter lock; Python's 5 ms default is
several times a small model's own duration."""


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    try:
        _read_command_line(arguments)
        wanted = settings.load()
        serve = _prepare(wanted)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(wanted.log_level)
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    status = serve()
    logger.info("stopped")
    return status


def _prepare(wanted: Settings) -> Callable[[], int]:
    """Find the models and take the port; what is returned serves, and returns the exit status."""
    versions = models.find(wanted)
    if wanted.workers > 1:
        from inference_app import workers  # needs what one process does without

        return workers.prepare(versions, wanted)
    return partial(server.run, versions, wanted, server.listen(wanted))


def _read_command_line(arguments: list[str]) -> None:
    if arguments == [sagemaker.COMMAND]:
        os.environ.update(sagemaker.environment(os.environ))
    elif arguments:
        raise ConfigurationError(f"usage: python -m inference_app [{sagemaker.COMMAND}], got {' '.join(arguments)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
