"""Brings the model's answers to Redis, beside the requests that they are of."""

import asyncio
import logging
from collections import deque
from typing import NamedTuple

from redis.asyncio import Redis

from inference_app.contract import StoreResult
from inference_app.metrics import CacheMetrics
from inference_app.result_cache.client import PATIENCE

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 32
MOST_WAITING_BYTES = 16 * 1024 * 1024


class Store(NamedTuple):
    """A value on its way, and who counts what becomes of it."""

    key: bytes
    value: bytes
    metrics: CacheMetrics


class Stores:
    """Values in the order they came; when too much waits, the newest are dropped."""

    def __init__(self, client: Redis, ttl: int) -> None:
        """`ttl` is in seconds."""
        self._client = client
        self._ttl = ttl
        self._waiting: deque[Store] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._works = True

    def put(self, store: Store) -> None:
        """Keep a value, later, or never."""
        if self._bytes + len(store.value) > MOST_WAITING_BYTES:
            store.metrics.stores[StoreResult.DROPPED] += 1
            return
        self._waiting.append(store)
        self._bytes += len(store.value)
        self._wake.set()

    async def run(self) -> None:
        """Store what comes, until cancelled."""
        try:
            while True:
                await self._wake.wait()
                await self._store([self._take() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))])
                if not self._waiting:
                    self._wake.clear()
        finally:
            await self._client.aclose()

    def _take(self) -> Store:
        store = self._waiting.popleft()
        self._bytes -= len(store.value)
        return store

    async def _store(self, batch: list[Store]) -> None:
        for store, reply in zip(batch, await self._send(batch), strict=True):
            stored = reply is True
            store.metrics.stores[StoreResult.STORED if stored else StoreResult.ERROR] += 1
            if self._works and not stored:
                reason = f"{type(reply).__name__}: {reply}"
                logger.warning("the result cache keeps nothing", extra={"reason": reason})
            self._works = stored

    async def _send(self, batch: list[Store]) -> list[object]:
        """Redis's reply to each: True, or what went wrong."""
        commands = self._client.pipeline(transaction=False)
        for store in batch:
            commands.set(store.key, store.value, ex=self._ttl)
        try:
            async with asyncio.timeout(PATIENCE):
                replies: list[object] = await commands.execute(raise_on_error=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody waits for it
            return [error] * len(batch)
        return replies
