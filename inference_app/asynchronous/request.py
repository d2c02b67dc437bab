"""What a caller asks a job for."""

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from inference_app.contract import API_KEY_HEADER
from inference_app.errors import BadRequest
from inference_app.protocols.call import JSON, Call, Codec, Headers

MOST = 255
"""Characters of an idempotency key."""

_KEY_HEADER = API_KEY_HEADER.lower().encode()


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A body for a model's `/predict`, already checked; `claim` tells one caller's idempotency key from all others."""

    model: str
    content_type: bytes
    body: bytes
    claim: str = ""

    @classmethod
    def of(cls, model: str, body: bytes, headers: Headers) -> Self:
        """Raises `BadRequest` for an idempotency key that is none."""
        return cls(model=model, content_type=headers.get(b"content-type", JSON), body=body, claim=_claim(headers))

    @property
    def digest(self) -> str:
        """The same for the same request only."""
        parts = (self.model.encode(), self.content_type, self.body)
        return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


async def parsed(codec: Codec, body: bytes, headers: Headers) -> Call:
    """The call that a body makes, on a thread where that takes long; raises what the codec raises."""
    if codec.is_quick(len(body), headers):
        return codec.parse(body, headers)
    return await asyncio.to_thread(codec.parse, body, headers)


def _claim(headers: Headers) -> str:
    """Of whoever has that API key, so that nobody finds another's job by guessing what keys it takes."""
    key = headers.get(b"idempotency-key")
    if key is None:
        return ""
    if not 0 < len(key) <= MOST:
        raise BadRequest(f"Idempotency-Key must have 1 to {MOST} characters, got {len(key)}")
    caller = headers.get(_KEY_HEADER) or headers.get(b"authorization", b"")
    return sha256(sha256(caller).digest() + key).hexdigest()
