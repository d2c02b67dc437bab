"""Asks Redis what it has, for all requests that wait for it in one command, and for none longer than the limit."""

import asyncio
import logging
from typing import Any, Protocol, cast

from inference_app.contract import LookupResult
from inference_app.result_cache.client import PATIENCE, pause

logger = logging.getLogger(__name__)

MOST_KEYS = 128
"""In one command; Redis serves nobody else meanwhile."""

WORTH_A_LINE = 3
"""Failures in a row; fewer are an accident of the network, which metrics count."""


class Lookup(Protocol):
    """A request that waits for what is kept under its key."""

    key: bytes
    asked_at: float
    """In the event loop's time."""

    def answer(self, result: LookupResult, value: bytes | None) -> None:
        """Go on: with the value of a hit, else without one."""
        ...


class Client(Protocol):
    """What of `redis.asyncio.Redis` is needed here."""

    async def execute_command(self, *command: Any) -> Any:
        """The reply; raises whatever goes wrong."""
        ...

    async def aclose(self) -> None:
        """End the connection."""
        ...


class Lookups:
    """One command at a time, so that requests gather for the next one while Redis is busy with theirs.

    When an answer is late or wrong, all who wait go on without it, and no request asks again until Redis answers a
    `PING`, sent beside them after a pause that grows.
    """

    def __init__(self, client: Client, limit: float) -> None:
        """`limit` is in seconds."""
        self.is_usable = False
        self._client = client
        self._limit = limit
        self._failures = 0
        self._waiting: list[Lookup] = []
        self._asking: list[Lookup] = []
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle

    def ask(self, lookup: Lookup) -> None:
        """Answer it within the limit; to be called while `is_usable`."""
        self._waiting.append(lookup)
        self._wake.set()

    async def run(self) -> None:
        """Ask for those who come, until cancelled."""
        try:
            while True:
                await self._recover()
                while self.is_usable:
                    await self._wake.wait()
                    await self._ask()
        finally:
            self._go_on_without()
            await self._client.aclose()

    async def _recover(self) -> None:
        """Return once Redis answers."""
        while not self.is_usable:
            await asyncio.sleep(pause(self._failures))
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._client.execute_command("PING")
                self.is_usable = True
            except Exception as error:  # noqa: BLE001 - whatever it is, requests are answered without Redis
                self._count(error)

    async def _ask(self) -> None:
        self._asking, self._waiting = self._waiting[:MOST_KEYS], self._waiting[MOST_KEYS:]
        if not self._waiting:
            self._wake.clear()
        asking = self._asking
        due = asking[0].asked_at + self._limit
        self._timer = self._loop.call_at(due, self._give_up, due)
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._client.execute_command("MGET", *[lookup.key for lookup in asking])
            if self._asking is asking:
                self._answer(found)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
        finally:
            self._timer.cancel()

    def _give_up(self, due: float) -> None:
        """Wait no longer, but for as long as the event loop was busy itself: the answer may lie there unread."""
        overslept = min(self._loop.time() - due, self._limit)
        self._timer = self._loop.call_later(overslept, self._fail, TimeoutError("late"))

    def _answer(self, found: object) -> None:
        values = cast("list[object]", found) if isinstance(found, list) else []
        if len(values) != len(self._asking) or not all(value is None or isinstance(value, bytes) for value in values):
            raise ValueError("Redis answers something else than it was asked")
        if self._failures >= WORTH_A_LINE:
            logger.info("the result cache answers again")
        self._failures = 0
        asking, self._asking = self._asking, []
        for lookup, value in zip(asking, cast("list[bytes | None]", values), strict=True):
            lookup.answer(LookupResult.MISS if value is None else LookupResult.HIT, value)

    def _fail(self, error: Exception) -> None:
        if self.is_usable:  # else this answer was late already
            self._count(error)
            self._go_on_without()

    def _go_on_without(self) -> None:
        self.is_usable = False
        gone, self._asking, self._waiting = [*self._asking, *self._waiting], [], []
        self._wake.clear()
        for lookup in gone:
            lookup.answer(LookupResult.ERROR, None)

    def _count(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == WORTH_A_LINE:
            reason = f"{type(error).__name__}: {error}"
            logger.warning("the result cache fails, requests go to the model", extra={"reason": reason})
