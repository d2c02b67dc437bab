"""The HTTP front end on a real socket and event loop, with a model, codecs and a clock that a test controls."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import numpy as np
import orjson
import uvicorn
import uvloop
from uvicorn.server import ServerState

from inference_app.batching import Batcher, BatchingLimits
from inference_app.errors import BadRequest, NotAcceptable
from inference_app.health import Health, State
from inference_app.http.connection import Connection
from inference_app.http.lane import Lane
from inference_app.metrics import Metrics, ModelMetrics
from inference_app.models import Models, Slot
from inference_app.outputs import BatchOutputs, Rows
from inference_app.protocols.call import Answer, Codec, Headers
from inference_app.runners import InlineBatcher, ThreadedBatcher
from inference_app.served_model import Serving
from inference_app.settings import Settings
from inference_app.tensors import Arrays
from tests.inference_app import counted
from tests.inference_app.http.wire import Wire, post

T = TypeVar("T")

DEFAULTS: dict[str, Any] = {
    "threads": 1,
    "max_body_bytes": 1_000_000,
    "max_buffered": 10_000_000,
    "max_queue_size": 64,
    "timeout": 20.0,
    "keys": None,
}

UNPARSABLE, UNRENDERABLE, UNACCEPTABLE, POISON = 400.0, 500.0, 406.0, -1.0
"""Numbers on which the codec's parsing, its rendering, and the model fail."""


class Doubler:
    """A model that doubles its input; can be held shut, and remembers what reached it."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.gate = threading.Event()
        self.gate.set()

    def run(self, inputs: Arrays) -> BatchOutputs:
        """`y` is twice `x`."""
        self.batches.append(inputs["x"][:, 0].tolist())
        self.gate.wait(20)
        if (inputs["x"] == POISON).any():
            raise ValueError("poison")
        return BatchOutputs({"y": inputs["x"] * 2})


class Numbers:
    """A codec for JSON lists of numbers, one example each; the header `pad` asks for a longer answer."""

    def is_quick(self, size: int, headers: Headers) -> bool:  # noqa: ARG002
        """Slow when the request says so."""
        return b"slow" not in headers

    def parse(self, body: bytes, headers: Headers) -> Any:
        """Check a request."""
        numbers: Any = None
        with suppress(orjson.JSONDecodeError):
            numbers = orjson.loads(body)
        if not isinstance(numbers, list) or not numbers or set(map(type, cast("list[object]", numbers))) - {int, float}:
            raise BadRequest(f"expected a list of numbers, got {body[:20]!r}")
        inputs = {"x": np.array(numbers, dtype=np.float32)[:, np.newaxis]}
        if UNPARSABLE in numbers:
            raise RuntimeError("a bug in parsing")
        return SimpleNamespace(inputs=inputs, render=partial(render, int(headers.get(b"pad", b"0"))))


def render(pad: int, rows: Rows) -> Answer:
    """The doubled numbers."""
    numbers = rows.arrays()["y"][:, 0].tolist()
    if UNRENDERABLE * 2 in numbers:
        raise RuntimeError("a bug in rendering")
    if UNACCEPTABLE * 2 in numbers:
        raise NotAcceptable("not in this form")
    return Answer(orjson.dumps(numbers) + b" " * pad)


class Service:
    """Stands in for a served model."""

    def __init__(self, batcher: Batcher, metrics: ModelMetrics) -> None:
        self.metadata = SimpleNamespace(name="doubler", version="1")
        self.metrics = metrics
        self.serving = Serving(
            cast("Any", SimpleNamespace(metadata=self.metadata)), batcher, cast("tuple[Codec, ...]", (Numbers(),) * 3)
        )
        self.health = Health("doubler")
        self.health.become(State.READY)

    def enter(self) -> Serving:
        """What answers."""
        self.health.require_ready()
        self.serving.pending += 1
        return self.serving


class Stage:
    """One server; its methods may be called from the test's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: dict[str, Any]) -> None:
        self.loop = loop
        self.options = options
        self.model = Doubler()
        self.metrics = Metrics()
        self.state = ServerState()
        self.asked: list[tuple[str, int]] = []
        """What the application was asked for, and the size of the body that it read."""

    def open(self) -> Wire:
        """A new connection."""
        return Wire(self.url)

    def call(self, function: Callable[[], T]) -> T:
        """The function's result, computed on the event loop."""
        result: Future[T] = Future()
        self.loop.call_soon_threadsafe(lambda: result.set_result(function()))
        return result.result(20)

    def until(self, condition: Callable[[], object]) -> None:
        """Look on the event loop, again and again, until a condition holds."""
        late = time.monotonic() + 20
        while not self.call(condition):
            assert time.monotonic() < late, "the condition never came true"

    def tick(self, later: float = 0) -> None:
        """Let the connections look at a clock that shows so many seconds more."""
        now = time.perf_counter() + later
        self.call(lambda: [connection.check_clock(now) for connection in self.connections])

    @property
    def connections(self) -> list[Connection]:
        """The open ones."""
        return cast("list[Connection]", list(self.state.connections))

    @property
    def waiting(self) -> int:
        """Examples in the queue."""
        return self.metrics.model("doubler", "1").queue_size()

    def codes(self, route: str = "/predict") -> dict[int, int]:
        """Answers by status."""
        return self.call(lambda: counted.answers(self.metrics, route))

    def asked_of(self, name: str, version: str) -> dict[str, dict[int, int]]:
        """What a model version was asked: answers by status, by route."""
        model = self.metrics.models[name, version]
        return self.call(lambda: {label: dict(route.codes) for label, route in model.routes.items() if route.codes})

    @contextmanager
    def busy_model(self) -> Generator[None]:
        """Inside the block the model works on one example, 1000, and takes no other."""
        self.model.gate.clear()
        with self.open() as wire:
            wire.send(post("/predict", b"[1000]"))
            self.until(lambda: self.model.batches and self.model.batches[-1] == [1000])
            try:
                yield
            finally:
                self.model.gate.set()
            assert wire.answer().status == 200

    async def start(self) -> None:
        """Listen."""
        options = DEFAULTS | self.options
        limits = BatchingLimits(max_batch_size=4, max_queue_size=options["max_queue_size"], timeout=options["timeout"])
        counts = self.metrics.model("doubler", "1")
        if options["threads"]:
            self.batcher: Batcher = ThreadedBatcher(self.model.run, limits, counts, threads=options["threads"])
        else:
            self.batcher = InlineBatcher(self.model.run, limits, counts)
        self.service = Service(self.batcher, counts)
        self.models = Models([], Settings(), self.metrics)
        self.models.slots["doubler"] = Slot(cast("Any", self.service))
        self.lane = Lane(self.models, max_buffered=options["max_buffered"], keys=options["keys"])
        config = uvicorn.Config(self._app, interface="asgi3", proxy_headers=False, log_config=None)
        attributes = {"lane": self.lane, "max_body_bytes": options["max_body_bytes"], "read_timeout_seconds": 30}
        protocol = type("Connection", (Connection,), attributes)
        self._server = await self.loop.create_server(
            lambda: protocol(config=config, server_state=self.state, app_state={}), "127.0.0.1", 0
        )
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close all."""
        self._server.close()
        for connection in self.connections:
            connection.transport.abort()
        self.model.gate.set()
        self.batcher.close()
        while self.state.connections or self.state.tasks:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.001)

    async def _app(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Answers 404 and, to a POST, how much came."""
        size, more = 0, scope["method"] == "POST"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size, more = size + len(message["body"]), message["more_body"]
        self.asked.append((scope["path"], size))
        body = b"%d" % size
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def on_stage(**options: Any) -> Generator[Stage]:
    """A server in a thread of its own; options: `threads` (0 is inline), `max_body_bytes`, `max_queue_size`, ..."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stage = Stage(loop, options)
    try:
        asyncio.run_coroutine_threadsafe(stage.start(), loop).result(20)
        yield stage
    finally:
        asyncio.run_coroutine_threadsafe(stage.stop(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
