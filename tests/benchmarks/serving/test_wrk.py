import http.server
import shutil
import threading
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from benchmarks.serving import wrk
from benchmarks.serving.alternating import turns
from benchmarks.serving.caching import VARY
from benchmarks.serving.requests import Headers, Request

OUTPUT = """Running 2s test @ http://127.0.0.1:8080/predict
  1 threads and 64 connections
Requests/sec:  25000.00
{"requests": 50000, "microseconds": 2000000, "p50": 2500, "p99": 4250, "non_2xx": 3, "broken": 4}
"""

BODY = b"\0\xffbytes"


def _unchecked(body: bytes, headers: Headers) -> None:
    pass


def test_the_script_s_line_is_the_result() -> None:
    load = wrk.parse(OUTPUT)
    assert load == wrk.Load(per_second=25_000, p50_ms=2.5, p99_ms=4.25, errors=7)


def test_a_run_without_a_result_fails_with_wrk_s_words() -> None:
    with pytest.raises(wrk.WrkFailed, match="Connection refused"):
        wrk.parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_silence_fails_too() -> None:
    with pytest.raises(wrk.WrkFailed, match="said nothing"):
        wrk.parse("")


Seen = set[tuple[str | None, str | None, bytes]]


@contextmanager
def refusing() -> Generator[tuple[str, Seen]]:
    """A server that answers everything with 418: its URL, and what it was sent."""
    seen: Seen = set()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.add((self.headers["Content-Type"], self.headers["X-Extra"], body))
            self.send_response(418)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


REQUEST = Request(path="/", body=BODY, content_type="image/jpeg", headers={"X-Extra": "1"}, check=_unchecked)
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is missing: Debian has it as `wrk`")


@pytest.mark.slow
@needs_wrk
def test_wrk_sends_body_and_headers_and_counts_answers_other_than_2xx() -> None:
    with refusing() as (url, seen):
        load = wrk.run(url, REQUEST, concurrency=2, seconds=1)
    assert seen == {("image/jpeg", "1", BODY)}
    assert load.errors > 0
    assert load.per_second > 0


@pytest.mark.slow
@needs_wrk
def test_bodies_that_vary_are_alike_but_for_their_last_number() -> None:
    with refusing() as (url, seen):
        load = wrk.run(url, REQUEST, 2, 1, VARY)
    assert load.errors == pytest.approx(len(seen), abs=2)  # those on their way when the load ended
    assert {(kind, extra, body[:-4], len(body)) for kind, extra, body in seen} == {
        ("image/jpeg", "1", BODY[:-4], len(BODY))
    }


def test_cases_take_turns_in_another_order_each_round() -> None:
    assert list(turns("abc", 2)) == [(0, "a"), (0, "b"), (0, "c"), (1, "b"), (1, "c"), (1, "a")]
