"""`python -m inference_app`: serve one model; exit code 2 for a wrong setting or a missing model."""

import logging
import sys

from inference_app import logs, repository, server, settings
from inference_app.errors import ConfigurationError

logger = logging.getLogger("inference_app")

SWITCH_INTERVAL_SECONDS = 0.0005
"""How long the event loop may keep a finished model call waiting for the interpreter lock; Python's 5 ms default is
several times a small model's own duration."""


def main() -> int:
    """Returns the exit status."""
    try:
        wanted = settings.load()
        version = repository.find(wanted.model_repository, wanted.model_name, wanted.model_version)
        listener = server.listen(wanted)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(wanted.log_level)
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    server.run(version, wanted, listener)
    logger.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
