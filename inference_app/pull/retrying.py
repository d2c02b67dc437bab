"""Questions asked again after errors that may pass, so that a failing start says so while it waits."""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from inference_app.pull.errors import PassingError, PullError

logger = logging.getLogger("inference_app.pull")

LONGEST_PAUSE_SECONDS = 15

T = TypeVar("T")


class Retrying:
    """Asks with growing pauses for so many seconds; `check` is what to look at when nothing helped."""

    def __init__(self, seconds: float, check: str) -> None:
        self._seconds, self._check = seconds, check
        self._closed = threading.Event()

    def close(self) -> None:
        """Give up what is being tried again."""
        self._closed.set()

    def ask(self, where: str, question: Callable[[], T]) -> T:
        """The answer; `question` raises `PassingError` for what is worth another try. Raises `PullError`."""
        started, pause = time.monotonic(), 0.25
        while True:
            try:
                return question()
            except PassingError as error:
                if time.monotonic() - started > self._seconds:
                    raise PullError(
                        f"{where} must answer within {self._seconds:g} seconds, got {error}; check {self._check}"
                    ) from None
                logger.warning("trying again", extra={"url": where, "reason": str(error)})
            if self._closed.wait(random.uniform(0, pause)):  # noqa: S311 - jitter
                raise PullError(f"{where} was given up")
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
