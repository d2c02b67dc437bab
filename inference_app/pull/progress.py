"""How far a pull is, in the log."""

import logging
import time

logger = logging.getLogger("inference_app.pull")

EVERY_SECONDS = 10


class Progress:
    """Says every few seconds how many of the bytes are there."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._started = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return round(time.monotonic() - self._started, 3)

    def add(self, count: int) -> None:
        """So many more bytes are on the disk."""
        self._done += count
        now = time.monotonic()
        if now - self._told >= EVERY_SECONDS:
            self._told = now
            extra = {"size_bytes": self._done, "total_bytes": self._total, "duration_seconds": self.seconds}
            logger.info("pulled so far", extra=extra)
