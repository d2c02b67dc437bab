"""The limit: what is left of a Python server without any feature: no checks, no limits, no metrics, no errors.

One process. httptools parses; requests that arrive within one turn of a uvloop loop run as one batch when it ends.
"""

import asyncio
import os
from typing import Any

import httptools
import orjson
import uvloop
from onnx_model import OnnxModel

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"


class Batcher:
    """Requests of one turn of the loop."""

    def __init__(self, model: OnnxModel) -> None:
        self.model = model
        self.waiting: list[tuple[asyncio.Transport, bytes]] = []
        self.loop = asyncio.get_running_loop()

    def add(self, transport: asyncio.Transport, body: bytes) -> None:
        if not self.waiting:
            self.loop.call_soon(self.flush)
        self.waiting.append((transport, body))

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        answers = self.model.answer([self.model.read(body, orjson.loads) for _, body in waiting])
        for (transport, _), answer in zip(waiting, answers, strict=True):
            content = answer if isinstance(answer, bytes) else orjson.dumps(answer)
            transport.write(HEAD % (len(content), content))


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, batcher: Batcher) -> None:
        self.batcher = batcher
        self.parser = httptools.HttpRequestParser(self)
        self.body: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.batcher.add(self.transport, b"".join(self.body))
        self.body.clear()


async def main() -> None:
    """Serve until killed."""
    batcher = Batcher(OnnxModel())
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(batcher), "127.0.0.1", int(os.environ["PORT"])
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
