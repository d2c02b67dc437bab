"""Making a job's inputs, away from the event loop."""

import asyncio
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Preparation(NamedTuple, Generic[T]):
    """What `make` takes long for; `done` hears of what it made, or `failed` of its error, on the event loop."""

    make: Callable[[], T]
    done: Callable[[T], None]
    failed: Callable[[BaseException], None]

    def run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make it, on any thread, which no error ends: a model's own code may raise whatever it likes."""
        try:
            made = self.make()
        except BaseException as error:  # noqa: BLE001
            loop.call_soon_threadsafe(self.failed, error)
        else:
            loop.call_soon_threadsafe(self.done, made)
