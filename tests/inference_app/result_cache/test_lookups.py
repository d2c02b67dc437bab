"""Who waits for Redis, and for how long; Redis is a stand-in here, or something else that listens in its place."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from inference_app.contract import LookupResult
from inference_app.result_cache.client import LONGEST_PAUSE, connect, pause
from inference_app.result_cache.lookups import MOST_KEYS, Client, Lookups
from inference_app.settings import Settings
from tests.processes import HOST

LIMIT = 0.05
HIT, MISS, ERROR = LookupResult.HIT, LookupResult.MISS, LookupResult.ERROR


class Asked:
    """A request that waits."""

    def __init__(self, key: str) -> None:
        self.key = key.encode()
        self.asked_at = asyncio.get_running_loop().time()
        self.answered: asyncio.Future[tuple[LookupResult, bytes | None, float]] = asyncio.Future()

    def answer(self, result: LookupResult, value: bytes | None) -> None:
        """Note it, and how long it took."""
        self.answered.set_result((result, value, asyncio.get_running_loop().time() - self.asked_at))


class StandIn:
    """Has `kept`, answers what `reply` makes of that, and does so when `gate` is open."""

    def __init__(self, **kept: bytes) -> None:
        self.kept = kept
        self.reply: Callable[[list[bytes | None]], Any] = lambda values: values
        self.gate = asyncio.Event()
        self.gate.set()
        self.commands: list[tuple[Any, ...]] = []
        self.closed = False

    async def execute_command(self, *command: Any) -> Any:
        """Answer, or raise what `reply` raises."""
        self.commands.append(command)
        await self.gate.wait()
        for _ in range(5):  # turns of the event loop, as reading from a socket takes
            await asyncio.sleep(0)
        return self.reply([self.kept.get(key.decode()) for key in command[1:]])

    async def aclose(self) -> None:
        """Be closed."""
        self.closed = True

    @property
    def asked(self) -> list[list[str]]:
        """The keys of each command."""
        return [[key.decode() for key in keys] for name, *keys in self.commands if name == "MGET"]


@asynccontextmanager
async def running(client: Client) -> AsyncGenerator[Lookups]:
    lookups = Lookups(client, LIMIT)
    task = asyncio.create_task(lookups.run())
    try:
        yield lookups
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing here has an event for it
            await asyncio.sleep(0.001)


async def usable(lookups: Lookups) -> None:
    await until(lambda: lookups.is_usable)


async def results(lookups: Lookups, *keys: str) -> list[tuple[LookupResult, bytes | None, float]]:
    """What becomes of requests that come in one turn of the event loop."""
    asked = [Asked(key) for key in keys]
    for each in asked:
        lookups.ask(each)
    return [await each.answered for each in asked]


async def test_requests_of_one_turn_are_one_command() -> None:
    client = StandIn(a=b"1", c=b"3")
    async with running(client) as lookups:
        await usable(lookups)
        found = await results(lookups, "a", "b", "c")
    assert [(result, value) for result, value, _ in found] == [(HIT, b"1"), (MISS, None), (HIT, b"3")]
    assert (client.asked, client.closed) == ([["a", "b", "c"]], True)


async def test_requests_that_come_while_redis_is_busy_gather_for_the_next_command() -> None:
    client = StandIn()
    async with running(client) as lookups:
        await usable(lookups)
        client.gate.clear()
        first = Asked("a")
        lookups.ask(first)
        await asyncio.sleep(0.001)
        others = [Asked(key) for key in "bc"]
        for other in others:
            lookups.ask(other)
        client.gate.set()
        found = [(await each.answered)[0] for each in (first, *others)]
    assert (found, client.asked) == ([MISS] * 3, [["a"], ["b", "c"]])


async def test_a_command_has_a_most_of_keys() -> None:
    client = StandIn()
    async with running(client) as lookups:
        await usable(lookups)
        await results(lookups, *(str(number) for number in range(MOST_KEYS + 2)))
    assert [len(keys) for keys in client.asked] == [MOST_KEYS, 2]


async def test_nobody_waits_longer_than_the_limit_not_even_who_came_later() -> None:
    client = StandIn()
    async with running(client) as lookups:
        await usable(lookups)
        client.gate.clear()
        first = Asked("a")
        lookups.ask(first)
        await asyncio.sleep(LIMIT / 2)
        later = Asked("b")
        lookups.ask(later)
        found = [await each.answered for each in (first, later)]
        is_usable = lookups.is_usable
        client.gate.set()
        await usable(lookups)
        again = await results(lookups, "a")
    assert [result for result, _, _ in (*found, *again)] == [ERROR, ERROR, MISS]
    assert found[0][2] >= LIMIT
    assert found[1][2] < found[0][2] - LIMIT / 4
    assert (is_usable, client.asked) == (False, [["a"], ["a"]])


async def test_time_in_which_the_server_itself_was_busy_is_not_redis_s() -> None:
    client = StandIn(a=b"1")
    async with running(client) as lookups:
        await usable(lookups)
        client.gate.clear()
        asked = Asked("a")
        lookups.ask(asked)
        await until(lambda: client.asked)
        asyncio.get_running_loop().call_soon(time.sleep, 2 * LIMIT)
        asyncio.get_running_loop().call_later(LIMIT, client.gate.set)
        result, value, _ = await asked.answered
    assert (result, value) == (HIT, b"1")


async def test_an_answer_that_comes_late_is_nobodys() -> None:
    client = StandIn(a=b"1", b=b"2")
    async with running(client) as lookups:
        await usable(lookups)
        client.gate.clear()
        late = await results(lookups, "a")
        client.gate.set()
        await usable(lookups)
        found = await results(lookups, "b")
    assert [(result, value) for result, value, _ in (*late, *found)] == [(ERROR, None), (HIT, b"2")]


def failing(_: object) -> None:
    raise ConnectionResetError("gone")


REPLIES: Mapping[str, Callable[[list[bytes | None]], Any]] = {
    "an error": failing,
    "nothing": lambda _: None,
    "no list": lambda _: b"OK",
    "too few": lambda _: [],
    "too many": lambda values: [*values, b"1"],
    "numbers": lambda values: [7] * len(values),
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_whatever_redis_answers_those_who_wait_go_on(reply: Callable[[list[bytes | None]], Any]) -> None:
    client = StandIn(a=b"1")
    async with running(client) as lookups:
        await usable(lookups)
        client.reply = reply
        found = await results(lookups, "a", "b")
    assert [(result, value) for result, value, _ in found] == [(ERROR, None)] * 2


async def test_those_who_wait_at_the_end_go_on() -> None:
    client = StandIn()
    async with running(client) as lookups:
        await usable(lookups)
        client.gate.clear()
        asked = Asked("a")
        lookups.ask(asked)
        await asyncio.sleep(0.001)
    assert asked.answered.result()[:2] == (ERROR, None)


async def test_trouble_that_lasts_is_told_once_and_its_end_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference_app.result_cache.client.SHORTEST_PAUSE", 0.001)
    caplog.set_level("INFO")
    client = StandIn()
    client.reply = failing
    async with running(client) as lookups:
        await until(lambda: len(client.commands) > 5)
        client.reply = lambda values: values
        await usable(lookups)
        await results(lookups, "a")
        await results(lookups, "a")
    lines = [record for record in caplog.records if record.name.startswith("inference_app.result_cache")]
    assert [line.message for line in lines] == [
        "the result cache fails, requests go to the model",
        "the result cache answers again",
    ]
    assert vars(lines[0])["reason"] == "ConnectionResetError: gone"


def test_pauses_grow_and_end() -> None:
    pauses = [pause(failures) for failures in range(12)]
    assert pauses[:4] == [0, 0, 0.1, 0.2]
    assert pauses == sorted(pauses)
    assert pause(10_000) == LONGEST_PAUSE


@pytest.mark.parametrize(
    "words",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n" * 50, b"*1000000\r\n", b"$-7\r\n", b"\x00" * 99, None],
    ids=["HTTP", "consent", "a promise", "a wrong length", "zeros", "nothing"],
)
async def test_whatever_listens_in_redis_s_place_is_never_asked_or_never_believed(words: bytes | None) -> None:
    met: list[asyncio.StreamWriter] = []

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer)
        with suppress(ConnectionError):
            while words is not None and await reader.read(65536):
                writer.write(words)
        writer.close()

    server = await asyncio.start_server(tell, HOST, 0)
    url = f"redis://{HOST}:{server.sockets[0].getsockname()[1]}/0"
    async with server, running(connect(Settings(result_cache_url=url))) as lookups:
        await until(lambda: lookups.is_usable or len(met) > 1)
        found = await results(lookups, "a") if lookups.is_usable else [(ERROR, None, 0.0)]
    for writer in met:
        writer.transport.abort()
    await asyncio.sleep(0)
    assert [(result, value) for result, value, _ in found] == [(ERROR, None)]
