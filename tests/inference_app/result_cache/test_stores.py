import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError, ReadOnlyError

from inference_app.contract import StoreResult
from inference_app.metrics import CacheMetrics
from inference_app.result_cache.stores import MOST_AT_ONCE, MOST_WAITING_BYTES, Store, Stores


class StandIn:
    """Takes what it is given once its `gate` is open; `replies` says what it makes of it, by key."""

    def __init__(self, **replies: object) -> None:
        self.replies = replies
        self.gate = asyncio.Event()
        self.given: list[list[tuple[bytes, bytes, int]]] = []
        self.closed = False

    def pipeline(self, *, transaction: bool) -> "StandIn":
        """Begin a list of commands."""
        assert not transaction
        self.given.append([])
        return self

    def set(self, key: bytes, value: bytes, *, ex: int) -> None:
        """Add a command."""
        self.given[-1].append((key, value, ex))

    async def execute(self, *, raise_on_error: bool) -> list[Any]:
        """Reply to each command, or raise what `everything` is."""
        assert not raise_on_error
        await self.gate.wait()
        if isinstance(broken := self.replies.get("everything"), Exception):
            raise broken
        return [self.replies.get(key.decode(), True) for key, _, _ in self.given[-1]]

    async def aclose(self) -> None:
        """Be closed."""
        self.closed = True


@asynccontextmanager
async def running(client: StandIn) -> AsyncGenerator[Stores]:
    stores = Stores(cast("Redis", client), 60)
    task = asyncio.create_task(stores.run())
    try:
        yield stores
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def counted(metrics: CacheMetrics, total: int) -> dict[str, int]:
    """What became of values, once so many have come to something; those that are not 0."""
    async with asyncio.timeout(10):
        while sum(metrics.stores.values()) < total:  # noqa: ASYNC110 - counts have no event
            await asyncio.sleep(0.001)
    return {result: count for result, count in metrics.stores.items() if count}


async def test_values_go_together_and_in_order_each_for_its_time() -> None:
    client, metrics = StandIn(), CacheMetrics()
    client.gate.set()
    async with running(client) as stores:
        for number in range(MOST_AT_ONCE + 1):
            stores.put(Store(b"%d" % number, b"value", metrics))
        found = await counted(metrics, MOST_AT_ONCE + 1)
    assert found == {StoreResult.STORED: MOST_AT_ONCE + 1}
    assert [command for batch in client.given for command in batch] == [
        (b"%d" % number, b"value", 60) for number in range(MOST_AT_ONCE + 1)
    ]
    assert ([len(batch) for batch in client.given], client.closed) == ([MOST_AT_ONCE, 1], True)


async def test_what_does_not_fit_among_those_that_wait_is_dropped() -> None:
    client, metrics = StandIn(), CacheMetrics()
    half = bytes(MOST_WAITING_BYTES // 2)
    async with running(client) as stores:
        for key in (b"a", b"b", b"c"):
            stores.put(Store(key, half, metrics))
        client.gate.set()
        found = await counted(metrics, 3)
        stores.put(Store(b"d", half, metrics))
        later = await counted(metrics, 4)
    assert found == {StoreResult.STORED: 2, StoreResult.DROPPED: 1}
    assert later == {StoreResult.STORED: 3, StoreResult.DROPPED: 1}


@pytest.mark.parametrize("refused", [OutOfMemoryError("full"), ReadOnlyError("a replica"), None])
async def test_a_value_that_redis_refuses_is_an_error_and_no_others(refused: object) -> None:
    client, metrics = StandIn(b=refused), CacheMetrics()
    client.gate.set()
    async with running(client) as stores:
        for key in (b"a", b"b", b"c"):
            stores.put(Store(key, b"value", metrics))
        found = await counted(metrics, 3)
    assert found == {StoreResult.STORED: 2, StoreResult.ERROR: 1}


async def test_a_lost_connection_is_told_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    client, metrics = StandIn(everything=ConnectionResetError("gone")), CacheMetrics()
    client.gate.set()
    async with running(client) as stores:
        for count in (1, 2, 3):
            stores.put(Store(b"a", b"value", metrics))
            await counted(metrics, count)
        client.replies.clear()
        stores.put(Store(b"a", b"value", metrics))
        found = await counted(metrics, 4)
    assert found == {StoreResult.ERROR: 3, StoreResult.STORED: 1}
    assert [vars(record)["reason"] for record in caplog.records] == ["ConnectionResetError: gone"]
