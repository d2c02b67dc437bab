"""What a request's head must be like before its path is looked at."""

import re

from inference_app.errors import BadRequest, HeadersTooLarge, InferenceError, NotUnderstood, VersionNotSupported
from inference_app.protocols.call import Headers

MAX_BYTES = 64 * 1024
MAX_REPEATED_BYTES = 4096
"""Of one header that comes in many lines; joining them costs the square of their number."""

IGNORED_BYTES = 64 * 1024
"""Of a body that is read to its end though its request is refused; behind a longer one the connection is closed."""

_HOST = re.compile(rb"(?:[\w.~!$&'()*+;=%-]*|\[[\w.~!$&'()*+;=:%-]+\])(?::[0-9]*)?", re.ASCII)
_OF_UPGRADES = (b"upgrade", b"http2-settings")


def too_large() -> HeadersTooLarge:
    """The error of headers with too many bytes."""
    return HeadersTooLarge(f"the headers may have at most {MAX_BYTES} bytes")


def fault(url: bytes, fields: Headers, version: str) -> InferenceError | None:
    """What is wrong with a request's target, headers and version, which the parser found to be HTTP.

    Rules: size (RFC 6585, section 5), version (RFC 9110, section 15.6.6), exactly one Host (RFC 9112, section 3.2), and
    no transfer coding but chunked (RFC 9112, section 6.1).
    """
    if len(url) + sum(len(name) + len(value) for name, value in fields.items()) > MAX_BYTES:
        return too_large()
    if version not in ("1.0", "1.1"):
        return VersionNotSupported(f"HTTP/{version} is not supported; HTTP/1.1 is")
    coding = fields.get(b"transfer-encoding")
    if coding is not None and version == "1.0":
        return BadRequest("HTTP/1.0 knows no Transfer-Encoding")
    if coding is not None and coding.lower() != b"chunked":
        return NotUnderstood(f"Transfer-Encoding {coding.decode('latin-1')} is not supported; chunked is")
    host = fields.get(b"host")
    if host is None and version == "1.0":
        return None
    if host is None or not _HOST.fullmatch(host):
        return BadRequest("a request must have one Host header, with a host and perhaps a port")
    return None


def announces_little(fields: Headers) -> bool:
    """Whether a body is short, and sure to come: a client that asked before it sends may keep it to itself."""
    if b"transfer-encoding" in fields or b"expect" in fields:
        return False
    return int(fields.get(b"content-length", b"0")) <= IGNORED_BYTES


def without_upgrade(method: bytes, url: bytes, fields: Headers, version: str) -> bytes:
    """The head of a request that asked for another protocol, as if it had not.

    A server may ignore that (RFC 9110, section 7.8).
    """
    tokens = [token.strip() for token in fields.get(b"connection", b"").split(b",")]
    kept = {name: value for name, value in fields.items() if name not in _OF_UPGRADES}
    kept[b"connection"] = b", ".join(token for token in tokens if token.lower() not in _OF_UPGRADES)
    lines = b"".join(b"%b: %b\r\n" % field for field in kept.items())
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, url, version.encode(), lines)
