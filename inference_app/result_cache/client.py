"""A connection to Redis."""

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from inference_app.settings import Settings

PATIENCE = 1.0
"""Seconds that whoever keeps nobody waiting waits for Redis; then the connection is closed."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


def connect(settings: Settings) -> Redis:
    """A client of one connection, made when it is first needed; nothing is tried twice.

    By RESP2, which every Redis and everything that poses as one knows without being asked.
    """
    password = settings.result_cache_password
    made: Any = Redis  # whose annotations leave options out
    return made.from_url(
        settings.result_cache_url or "",
        password=password and password.get_secret_value(),
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        # Whoever asks keeps the time: the client would with `wait_for`, which on Python 3.11 may lose a task's end
        # (https://github.com/python/cpython/issues/86296).
        socket_timeout=None,
        socket_connect_timeout=PATIENCE,
        max_connections=1,
    )


def pause(failures: int) -> float:
    """Seconds to leave Redis alone after so many failures in a row; none after the first, which may be an accident."""
    return min(SHORTEST_PAUSE * 2 ** min(failures - 2, 16), LONGEST_PAUSE) if failures > 1 else 0.0
