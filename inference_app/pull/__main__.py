"""`python -m inference_app.pull`: fill MODEL_REPOSITORY from MODEL_SOURCE; exit code 2 for a wrong setting, else 1."""

import sys

from inference_app import logs, settings
from inference_app.errors import ConfigurationError
from inference_app.pull.errors import PullError


def main() -> int:
    """Returns the exit status."""
    try:
        wanted = settings.load()
        logs.configure(wanted.log_level)
        from inference_app.pull import run  # brings the object stores' library, which a server does without

        run.pull(wanted)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except PullError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
