"""`python -m inference_app.training`: train, check, and write the version into the model repository."""

import argparse
import logging
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).parents[1] / "model_repository"


def main() -> int:
    """Returns the exit status: 0 when the version was written, 1 when the model was refused; bad usage exits with 2."""
    options = _parser().parse_args()
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    # TensorFlow takes seconds to import, so what the user typed is judged first.
    from inference_app.training.evaluation import RefusedModelError
    from inference_app.training.pipeline import log, train_and_write

    log.setLevel(logging.INFO)
    try:
        train_and_write(options.repository, created=options.created)
    except RefusedModelError as error:
        log.error("%s; nothing was written", error)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference_app.training", description=__doc__)
    parser.add_argument("--repository", type=_folder, default=REPOSITORY, help="model repository to write into")
    parser.add_argument(
        "--created",
        type=_timestamp,
        default=os.environ.get("SOURCE_DATE_EPOCH", str(int(time.time()))),
        help="time to record, in seconds since 1970 (default: SOURCE_DATE_EPOCH, else now)",
    )
    return parser


def _folder(text: str) -> Path:
    try:
        Path(text).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"must be a folder to write into, got {text}: {error.strerror}") from error
    return Path(text)


def _timestamp(text: str) -> str:
    try:
        moment = datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError) as error:
        reason = f"SOURCE_DATE_EPOCH or --created must be whole seconds since 1970, got {text!r}"
        raise argparse.ArgumentTypeError(reason) from error
    return moment.isoformat().replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main())
