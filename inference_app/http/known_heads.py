"""Heads of requests that came before: clients repeat theirs byte by byte, and the same bytes say the same again.

Parsing a head is a third of what a request of a tiny model costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from inference_app.http.inference import InferenceExchange
    from inference_app.http.lane import Endpoint
    from inference_app.protocols.call import Headers

MOST = 256
MAX_BYTES = 16 * 1024
"""Of a request whose head is learned; behind a longer body parsing it again is nothing."""

END = b"\r\n\r\n"


class KnownHead(NamedTuple):
    """What the head of a usual inference request says, from a client that is let in."""

    endpoint: Endpoint
    headers: Headers
    body_size: int


class KnownHeads:
    """All connections' heads, as long as what they lead to stays the same."""

    def __init__(self) -> None:
        self._heads: dict[bytes, KnownHead] = {}

    def __len__(self) -> int:
        return len(self._heads)

    def find(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """The head and the body of a request that is `data` as a whole; None where its head did not come before."""
        end = data.find(END)
        known = self._heads.get(data[:end])
        if known is None:
            return None
        body = data[end + len(END) :]
        return (known, body) if len(body) == known.body_size else None

    def learn(self, data: bytes, exchange: InferenceExchange) -> bool:
        """Note the head of a usual request; False where `data` is not this request alone, or a large one."""
        head, _, body = data.partition(END)
        if len(data) > MAX_BYTES or exchange.headers.get(b"content-length") != b"%d" % len(body):
            return False
        if len(self._heads) >= MOST:
            del self._heads[next(iter(self._heads))]
        self._heads[head] = KnownHead(exchange.endpoint, exchange.headers, len(body))
        return True

    def forget(self) -> None:
        """Heads lead elsewhere from now on."""
        self._heads.clear()
