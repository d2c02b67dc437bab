"""Reading a request's body within a size and a time."""

import asyncio
import time

from starlette.requests import Request
from starlette.types import Message

from inference_app.errors import BadRequest, ClientDisconnected, ReadTimeout, TooLarge, UnsupportedMediaType
from inference_app.settings import Settings


async def read(request: Request, settings: Settings) -> bytes:
    """The whole body; notes in `request.state.received` when its last byte came.

    Raises `TooLarge` at the first byte too many (at once where Content-Length tells), `ReadTimeout`,
    `UnsupportedMediaType` for a compressed body and `ClientDisconnected`.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise UnsupportedMediaType(f"Content-Encoding {encoding} is not supported; send the body as it is")
    if _declared_length(request) > settings.max_body_bytes:
        raise _too_large(settings)
    try:
        async with asyncio.timeout(settings.read_timeout_seconds):
            body = await _collect(request, settings)
    except TimeoutError:
        raise ReadTimeout(f"the body did not arrive within {settings.read_timeout_seconds:g} s") from None
    request.state.received = time.perf_counter()
    return body


async def _collect(request: Request, settings: Settings) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message: Message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("the client left before its body was complete")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > settings.max_body_bytes:
            raise _too_large(settings)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _declared_length(request: Request) -> int:
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal():
        raise BadRequest("Content-Length must be a whole number")
    return int(declared)


def _too_large(settings: Settings) -> TooLarge:
    return TooLarge(f"the body may have at most {settings.max_body_bytes} bytes")
