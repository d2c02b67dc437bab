"""Spans in OTLP's wire format, made of bytes.

The SDK takes a third of a millisecond for the spans of one request, twice, and holds the interpreter lock for it: as
long as this server takes for ten small requests. What repeats from span to span, its name, kind and attributes, is
encoded once here.

https://github.com/open-telemetry/opentelemetry-proto/blob/v1.9.0/opentelemetry/proto/trace/v1/trace.proto
https://protobuf.dev/programming-guides/encoding/
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum

TRACE_ID, SPAN_ID, PARENT_ID = b"\x0a\x10", b"\x12\x08", b"\x22\x08"
STATE, NAME, KIND, ATTRIBUTE, STATUS = b"\x1a", b"\x2a", b"\x30", b"\x4a", b"\x7a"
FIRST, SECOND = b"\x0a", b"\x12"
"""Tags of a message's first and second field, where they are texts or messages."""
ERROR = b"\x18\x02"
"""A status whose code is ERROR."""

BELOW, ROOT = "2s16s2s8s2s8sBQBQ6s", "2s16s2s8sBQBQ6s"
"""Formats of tags and values in turn: trace id, span id, parent's span id where there is one, start, end, flags."""
START, END = 0x39, 0x41
IS_LOCAL, IS_REMOTE = b"\x85\x01\x00\x01\x00\x00", b"\x85\x01\x00\x03\x00\x00"
"""Flags that say whether the parent is another process's."""


class Kind(IntEnum):
    """What a span is to others."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3


LINK_SIZE = 35
"""Bytes of a link."""


class Template:
    """A span but for its ids and times; `rest` are its other fields.

    Whoever fills it appends `room` more bytes of them.
    """

    __slots__ = ("_below", "_below_head", "_root", "_root_head", "rest")

    def __init__(self, rest: bytes, room: int = 0) -> None:
        self._below, self._below_head = _filler(BELOW, len(rest), room)
        self._root, self._root_head = _filler(ROOT, len(rest), room)
        self.rest = rest

    def below(
        self,
        parent_id: bytes,
        trace_id: bytes,
        span_id: bytes,
        start_ns: int,
        end_ns: int,
        flags: bytes = IS_LOCAL,
    ) -> bytes:
        """The span below another one; times are Unix nanoseconds."""
        ids = (TRACE_ID, trace_id, SPAN_ID, span_id, PARENT_ID, parent_id)
        return self._below(self._below_head, *ids, START, start_ns, END, end_ns, flags, self.rest)

    def root(self, trace_id: bytes, span_id: bytes, start_ns: int, end_ns: int) -> bytes:
        """The span without a parent."""
        ids = (TRACE_ID, trace_id, SPAN_ID, span_id)
        return self._root(self._root_head, *ids, START, start_ns, END, end_ns, IS_LOCAL, self.rest)


def _filler(form: str, size: int, room: int) -> tuple[Callable[..., bytes], bytes]:
    """What packs a span of that form with `size` bytes after it, and what goes first."""
    head = SECOND + varint(struct.calcsize(f"<{form}") + size + room)
    return struct.Struct(f"<{len(head)}s{form}{size}s").pack, head


def described(name: str, kind: Kind, attributes: Mapping[str, str | int]) -> bytes:
    """A span's name, kind and attributes; numbers must not be negative."""
    return text(NAME, name) + KIND + bytes([kind]) + b"".join(_attributes(ATTRIBUTE, attributes))


def link(trace_id: bytes, span_id: bytes) -> bytes:
    """A span's link to another one of this process."""
    return b"\x6a\x21\x0a\x10%b\x12\x08%b\x35\x00\x01\x00\x00" % (trace_id, span_id)


def failed(reason: str) -> bytes:
    """A span's status."""
    return field(STATUS, (text(SECOND, reason) if reason else b"") + ERROR)


def state(tracestate: str) -> bytes:
    """A span's `tracestate`."""
    return text(STATE, tracestate)


def resource(attributes: Mapping[str, str | int]) -> bytes:
    """Who sends, as `request` takes it."""
    return field(FIRST, b"".join(_attributes(FIRST, attributes)))


def scope(name: str, version: str) -> bytes:
    """Which library the spans are of, as `request` takes it."""
    return field(FIRST, text(FIRST, name) + text(SECOND, version))


def request(resource: bytes, scope: bytes, spans: Iterable[bytes]) -> bytes:
    """The body of an export request."""
    return field(FIRST, resource + field(SECOND, scope + b"".join(spans)))


def text(tag: bytes, value: str) -> bytes:
    """A field with a text."""
    return field(tag, value.encode())


def field(tag: bytes, content: bytes) -> bytes:
    """A field of known length."""
    size = len(content)
    return b"%b%b%b" % (tag, bytes((size,)) if size < 0x80 else varint(size), content)


def varint(number: int) -> bytes:
    """A number of 0 or more, seven bits a byte, the lowest first."""
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _attributes(tag: bytes, attributes: Mapping[str, str | int]) -> Iterable[bytes]:
    for key, value in attributes.items():
        given = b"\x18" + varint(value) if isinstance(value, int) else text(FIRST, value)
        yield field(tag, text(FIRST, key) + field(SECOND, given))
