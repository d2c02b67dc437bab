"""HTTP/1.1 as RFC 9110 and 9112 have it: what is malformed, what is not, and how a connection ends."""

import pytest

from tests.inference_app.http.stage import Stage
from tests.inference_app.http.wire import HEALTH, Wire, chunked, post

BODY = b"[1]"
ONE = b"1\r\n[\r\n1\r\n1\r\n1\r\n]\r\n0\r\n\r\n"
"""The same in chunks of one byte."""


def get(*lines: str, target: str = "/health", version: str = "HTTP/1.1") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"GET {target} {version}", *lines, "")).encode("latin-1")


def framed(*lines: str, body: bytes = BODY) -> bytes:
    return "".join(f"{line}\r\n" for line in ("POST /predict HTTP/1.1", "Host: test", *lines, "")).encode() + body


MALFORMED = {
    # Two answers to where a body ends is how requests are smuggled (RFC 9112, section 6.3 and 11.2).
    "length-and-chunked": framed("Content-Length: 6", "Transfer-Encoding: chunked", body=b"0\r\n\r\nX"),
    "chunked-and-length": framed("Transfer-Encoding: chunked", "Content-Length: 6", body=b"0\r\n\r\nX"),
    "two-lengths": framed("Content-Length: 3", "Content-Length: 4"),
    "the-same-length-twice": framed("Content-Length: 3", "Content-Length: 3"),
    "length-list": framed("Content-Length: 3, 3"),
    "length-with-plus": framed("Content-Length: +3"),
    "length-with-minus": framed("Content-Length: -3"),
    "length-with-space": framed("Content-Length: 1 3"),
    "length-in-hex": framed("Content-Length: 0x3"),
    "length-with-underscore": framed("Content-Length: 1_0"),
    "empty-length": framed("Content-Length:"),
    "length-beyond-64-bits": framed("Content-Length: 18446744073709551619"),
    "other-coding": framed("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "identity": framed("Transfer-Encoding: identity"),
    "chunked-not-last": framed("Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "chunked-twice": framed("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=ONE),
    "chunked-behind-vertical-tab": framed("Transfer-Encoding:\x0bchunked", body=ONE),
    "space-before-colon": framed("Transfer-Encoding : chunked", body=ONE),
    "chunked-folded": framed("Transfer-Encoding:", " chunked", body=ONE),
    "chunked-in-http-1.0": ONE.join([b"POST /predict HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", b""]),
    "chunk-size-overflow": chunked("/predict", b"fffffffffffffffff\r\n["),
    "negative-chunk-size": chunked("/predict", b"-3\r\n[1]\r\n0\r\n\r\n"),
    "chunk-size-with-0x": chunked("/predict", b"0x3\r\n[1]\r\n0\r\n\r\n"),
    "chunk-size-with-space": chunked("/predict", b"3 \r\n[1]\r\n0\r\n\r\n"),
    "chunk-size-ends-in-lf": chunked("/predict", b"3\n[1]\r\n0\r\n\r\n"),
    "chunk-extension-ends-in-lf": chunked("/predict", b"3;a=b\n[1]\r\n0\r\n\r\n"),
    "chunk-longer-than-its-size": chunked("/predict", b"3\r\n[1]XX0\r\n\r\n"),
    "no-chunk-size": chunked("/predict", b"\r\n[1]\r\n0\r\n\r\n"),
    # Lines (RFC 9112, sections 2.2, 3 and 5).
    "bare-lf": b"GET /health HTTP/1.1\nHost: test\n\n",
    "bare-lf-behind-a-header": b"GET /health HTTP/1.1\r\nHost: test\nX: y\r\n\r\n",
    "bare-cr": b"GET /health HTTP/1.1\r\nHost: test\rX: y\r\n\r\n",
    "folded-header": get("Host: test", "X: y", " z"),
    "space-before-the-first-header": get(" X: y", "Host: test"),
    "space-before-the-colon": get("Host : test"),
    "nul-in-a-value": get("Host: test", "X: a\0b"),
    "nul-in-a-name": get("Host: test", "X\0: y"),
    "control-character-in-a-value": get("Host: test", "X: a\x07b"),
    "no-colon": get("Host: test", "XYZ"),
    "empty-name": get("Host: test", ": y"),
    "tabs-in-the-request-line": b"GET\t/health\tHTTP/1.1\r\nHost: test\r\n\r\n",
    "unknown-method": b"BREW /health HTTP/1.1\r\nHost: test\r\n\r\n",
    "lower-case-method": b"get /health HTTP/1.1\r\nHost: test\r\n\r\n",
    "version-1.2": get("Host: test", version="HTTP/1.2"),
    "version-of-one-number": get("Host: test", version="HTTP/11"),
    "http-2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls": bytes.fromhex("1603010200010001fc0303"),
    "connect": b"CONNECT test:80 HTTP/1.1\r\nHost: test:80\r\n\r\n",
    # The target (RFC 9112, section 3.2).
    "relative-target": get("Host: test", target="health"),
    "broken-address": get("Host: test", target="http://[::1"),
    "non-ascii-target": get("Host: test", target="/h\xe9"),
    # The host (RFC 9112, section 3.2).
    "no-host": get(),
    "two-hosts": get("Host: test", "Host: test"),
    "host-list": get("Host: test, test"),
    "host-with-space": get("Host: a b"),
    "host-with-path": get("Host: test/health"),
}


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "second"])
def test_a_malformed_request_is_400_and_the_end_of_its_connection(
    wire: Wire, request_bytes: bytes, is_first: bool
) -> None:
    if not is_first:
        assert wire.send(HEALTH).answer().status == 200
    answer = wire.send(request_bytes + HEALTH).last()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert answer.body.startswith(b'{"error":')


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /health\r\n\r\n", 505),
        (get("Host: test", version="HTTP/0.9"), 505),
        (get("Host: test", version="HTTP/2.0"), 505),
        (framed("Transfer-Encoding: gzip, chunked", body=ONE), 501),
    ],
    ids=["version-0.9", "named-version-0.9", "version-2.0", "coding"],
)
def test_what_another_server_might_do_is_5xx(wire: Wire, request_bytes: bytes, status: int) -> None:
    assert wire.send(request_bytes).last().status == status


WELL_FORMED = {
    "one-piece": post("/predict", BODY),
    "chunks": chunked("/predict", ONE),
    "chunk-extensions": chunked("/predict", b'3;a=b;c="d;e"\r\n[1]\r\n0;f\r\n\r\n'),
    "trailers": chunked("/predict", b"3\r\n[1]\r\n0\r\nHost: other\r\nX: y\r\n\r\n"),
    "upper-case-coding": chunked("/predict", ONE).replace(b"chunked", b"CHUNKED"),
    "leading-zeros": chunked("/predict", b"0003\r\n[1]\r\n000\r\n\r\n"),
    "leading-line-breaks": b"\r\n\r\n" + post("/predict", BODY),
    "query": post("/predict?a=%20&b", BODY),
    "percent-encoded-path": post("/%70redict/doubl%65r", BODY),
    "absolute-target": post("http://test:80/predict?a", BODY),
    "empty-host": framed("Content-Length: 3").replace(b"Host: test", b"Host:"),
    "ipv6-host": framed("Content-Length: 3").replace(b"Host: test", b"Host: [::1]:8080"),
    "latin-1-value": post("/predict", BODY, "X: \xe9"),
    "header-in-many-lines": post("/predict", BODY, *["Accept: x"] * 100),
    "websocket": post("/predict", BODY, "Connection: Upgrade", "Upgrade: websocket"),
    # Java's HttpClient asks so in its first request (RFC 9110, section 7.8: a server may ignore it).
    "h2c": post("/predict", BODY, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA"),
    "h2c-in-chunks": chunked("/predict", ONE, "Connection: Upgrade", "Upgrade: h2c"),
    "unknown-expectation": post("/predict", BODY, "Expect: miracles"),
}


@pytest.mark.parametrize("request_bytes", WELL_FORMED.values(), ids=WELL_FORMED)
@pytest.mark.parametrize("size", [None, 1, 7], ids=["whole", "byte-by-byte", "in-pieces"])
def test_a_well_formed_request_is_answered_however_it_arrives(
    wire: Wire, request_bytes: bytes, size: int | None
) -> None:
    size = size or len(request_bytes)
    pieces = [request_bytes[start : start + size] for start in range(0, len(request_bytes), size)]
    for _ in range(2):
        answer = wire.send(*pieces).answer()
        assert (answer.status, answer.body) == (200, b"[2.0]")
        assert "connection" not in answer.headers


@pytest.mark.parametrize(
    "request_bytes",
    [
        post("/predict", BODY, "Connection: close"),
        post("/predict", BODY, "Connection: Upgrade, close", "Upgrade: h2c"),
        post("/predict", BODY, version="1.0"),
        post("/predict", BODY, "Connection: keep-alive", version="1.0"),
        post("/predict", BODY, "Connection: Upgrade", "Upgrade: h2c", version="1.0"),
        b"POST /predict HTTP/1.0\r\nContent-Length: 3\r\n\r\n[1]",
    ],
    ids=["close", "upgrade-and-close", "1.0", "1.0-kept", "1.0-upgrade", "1.0-without-host"],
)
def test_the_connection_closes_behind_an_answer_when_asked_to_and_in_http_1_0(wire: Wire, request_bytes: bytes) -> None:
    answer = wire.send(request_bytes).last()
    assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_nothing_behind_a_request_that_closes_is_answered(stage: Stage, wire: Wire) -> None:
    before = len(stage.model.batches)
    wire.send(post("/predict", BODY, "Connection: close") + post("/predict", BODY) * 3)
    assert wire.last().status == 200
    assert len(stage.model.batches) == before + 1


def test_a_probe_answers_head_and_ignores_a_body(wire: Wire) -> None:
    head = wire.send(HEALTH.replace(b"GET", b"HEAD")).answer(to_head=True)
    whole = wire.send(get("Host: test", "Content-Length: 3") + b"abc").answer()
    assert (head.status, head.headers["content-length"]) == (200, str(len(whole.body)))
    assert whole.status == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [("/%ff", 404), ("/%00", 404), ("/%zz", 404), ("//health", 404), ("*", 404), ("http://test", 404), ("/a#b", 404)],
)
def test_odd_targets_reach_the_application_and_harm_nobody(wire: Wire, target: str, status: int) -> None:
    assert wire.send(get("Host: test", target=target)).answer().status == status
    assert wire.send(HEALTH).answer().status == 200
