"""Requests that come whether or not those before them are answered, as many users' do: an open loop."""

import asyncio
import random
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import uvloop

from benchmarks.serving.requests import Request

PATIENCE_SECONDS = 30
"""For the answers that are still out when the last request has come."""

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


class Unanswered(Exception):  # noqa: N818 - the server left them so
    """A connection broke, or answers did not come in time; the message says how many."""


@dataclass
class Answers:
    """What came back: answers by status, and how long after its request was due each 200 came, in seconds."""

    seconds: float
    statuses: dict[int, int] = field(default_factory=dict[int, int])
    good: list[float] = field(default_factory=list[float])
    """In the order in which they came, those behind the last request included."""
    in_time: int = 0
    """200s that came while requests did."""

    @property
    def goodput(self) -> float:
        """200s a second while requests came."""
        return self.in_time / self.seconds

    @property
    def p99_ms(self) -> float:
        """The 99th percentile of the time to a 200, in milliseconds."""
        ordered = sorted(self.good)
        return 1000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def send(url: str, request: Request, rate: float, seconds: float, seed: int) -> Answers:
    """Send requests for so many seconds at Poisson's times, `rate` a second on average, on as many connections as wait.

    Raises `Unanswered` where any got none.
    """
    return uvloop.run(_Sender(url, request, rate, seconds, seed).run())


class _Sender:
    def __init__(self, url: str, request: Request, rate: float, seconds: float, seed: int) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        headers = {"Host": address.netloc, "Content-Length": str(len(request.body)), **request.all_headers()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.raw = f"POST {request.path} HTTP/1.1\r\n{lines}\r\n".encode() + request.body
        self._dice, self._rate = random.Random(seed), rate
        self.answers = Answers(seconds)
        self.idle: list[_Client] = []
        self._out = 0
        self.ends = 0.0
        self._broken = 0

    async def run(self) -> Answers:
        loop = asyncio.get_running_loop()
        due = time.perf_counter()
        self.ends = due + self.answers.seconds
        sending: set[asyncio.Task[None]] = set()
        while (due := due + self._dice.expovariate(self._rate)) < self.ends:
            await asyncio.sleep(max(0, due - time.perf_counter()))
            self._out += 1
            if self.idle:
                self.idle.pop().ask(due)
            else:
                task = loop.create_task(self._open(due))
                sending.add(task)
                task.add_done_callback(sending.discard)
        late = self.ends + PATIENCE_SECONDS
        while self._out and time.perf_counter() < late:  # noqa: ASYNC110 - nothing hurries here
            await asyncio.sleep(0.01)
        if self._out or self._broken:
            raise Unanswered(f"{self._out} requests got no answer, {self._broken} a broken connection")
        for client in self.idle:
            client.transport.close()
        return self.answers

    async def _open(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: _Client(self), self._host, self._port)
        client.ask(due)

    def take(self, client: "_Client", status: int, due: float) -> None:
        """One answer is here."""
        self._out -= 1
        self.idle.append(client)
        now, answers = time.perf_counter(), self.answers
        answers.statuses[status] = answers.statuses.get(status, 0) + 1
        if status == 200:
            answers.good.append(now - due)
            answers.in_time += now < self.ends

    def lose(self) -> None:
        """An answer will not come."""
        self._out -= 1
        self._broken += 1


class _Client(asyncio.Protocol):
    """A connection with one request at a time."""

    transport: asyncio.Transport

    def __init__(self, sender: _Sender) -> None:
        self._sender = sender
        self._due: float | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # pyright: ignore[reportAttributeAccessIssue] - of a stream it is one that writes

    def ask(self, due: float) -> None:
        """Send the request."""
        self._due, self._received = due, b""
        self.transport.write(self._sender.raw)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        status, length = _STATUS.match(head), _LENGTH.search(head)
        if not end or status is None or length is None or len(body) < int(length[1]) or self._due is None:
            return
        due, self._due = self._due, None
        self._sender.take(self, int(status[1]), due)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - that an answer is missing is what counts
        if self._due is not None:
            self._sender.lose()
        elif self in self._sender.idle:
            self._sender.idle.remove(self)
