"""A closed loop of clients on a model's queue, and what they saw."""

import asyncio
import time
from typing import NamedTuple

from inference_app.batching import Batcher
from inference_app.errors import InferenceError
from inference_app.jobs import Job
from inference_app.outputs import Rows
from inference_app.tensors import Arrays


class Answer(NamedTuple):
    """When the model call that held one client's example ran (`time.perf_counter()`), and how long the client waited.

    Seconds.
    """

    started: float
    finished: float
    latency: float


class Client(Job):
    """Sends one example again as soon as it has the answer."""

    def __init__(self, load: "Load", example: Arrays) -> None:
        self._load = load
        self.inputs = example

    def deliver(self, rows: Rows) -> None:  # noqa: ARG002 - the outputs are the golden ones
        """Note the answer and send again, in a later turn of the event loop as a real client's request would come."""
        answer = Answer(self.started_at, self.finished_at, time.perf_counter() - self.queued_at)
        self._load.note(self, answer)

    def fail(self, error: InferenceError) -> None:
        """Leave."""
        self._load.leave(error)


class Load:
    """Keeps a queue filled for a while; serves once, and closes the queue."""

    def __init__(self, batcher: Batcher, example: Arrays, clients: int) -> None:
        self._batcher = batcher
        self._clients = [Client(self, example) for _ in range(clients)]
        self._loop = asyncio.get_running_loop()
        self._running = clients
        self._answered = asyncio.Event()
        self._left = asyncio.Event()
        self._stops = False
        self._error: InferenceError | None = None
        self._answers: list[Answer] = []

    async def run(self, seconds: float) -> "Observed":
        """What happened in so many seconds after the first answer; raises what the model's queue reports."""
        for client in self._clients:
            self._send(client)
        await self._answered.wait()
        begin = time.perf_counter()
        await asyncio.sleep(seconds)
        end = time.perf_counter()
        self._stops = True
        self._batcher.close()
        await self._left.wait()
        if self._error is not None:
            raise self._error
        return Observed(self._answers, begin, end)

    def note(self, client: Client, answer: Answer) -> None:
        """A client has its answer."""
        self._answers.append(answer)
        self._answered.set()
        self._loop.call_soon(self._send, client)

    def leave(self, error: InferenceError | None) -> None:
        """A client gives up: its request failed, or the time is over."""
        if not self._stops:
            self._error = error
            self._answered.set()
        self._running -= 1
        if not self._running:
            self._left.set()

    def _send(self, client: Client) -> None:
        if self._stops:
            self.leave(None)
        else:
            self._batcher.submit(client, time.perf_counter())


class Observed(NamedTuple):
    """All answers of a load, and the window of time that counts."""

    answers: list[Answer]
    begin: float
    end: float

    def examples_per_second(self) -> float:
        """Each example counts by the share of its model call that lies within the window.

        Counting answers instead would be off by a whole batch at either end.
        """
        begin, end = self.begin, self.end
        done = 0.0
        for started, finished, _ in self.answers:
            inside = min(finished, end) - max(started, begin)
            if inside > 0:
                done += inside / (finished - started)
        return done / (end - begin)

    def latency(self, share: float) -> float:
        """The latency in seconds that a share (below 1) of the answers did not exceed."""
        latencies = sorted(answer.latency for answer in self.answers)
        return latencies[int(share * len(latencies))]
