"""What the benchmark of overload sends, counts and prints."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.serving import arrivals
from benchmarks.serving.arrivals import Answers, Unanswered
from benchmarks.serving.cases import ModelName, Payload
from benchmarks.serving.overload import Figures, render
from benchmarks.serving.requests import Request


def accept(body: bytes, headers: object) -> None:
    """Any answer will do."""


REQUEST = Request(path="/predict", body=b"[1]", check=accept)


class Server(ThreadingHTTPServer):
    """Answers every second request with 429; or hangs up."""

    def __init__(self, *, hangs_up: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hangs_up = hangs_up
        self.asked: list[tuple[str, str | None, bytes]] = []
        self.connections = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Content-Type"], body))
        if self.server.hangs_up:
            self.close_connection = True
            return
        self.send_response(200 if len(self.server.asked) % 2 else 429)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Nothing."""


@contextmanager
def serving(*, hangs_up: bool = False) -> Generator[tuple[str, Server]]:
    with Server(hangs_up=hangs_up) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", server
        server.shutdown()
        thread.join()


def test_requests_come_at_their_times_and_answers_are_counted_by_status() -> None:
    with serving() as (url, server):
        answers = arrivals.send(url, REQUEST, rate=400, seconds=1, seed=1)
    assert 300 < len(server.asked) < 500
    assert set(server.asked) == {("/predict", "application/json", b"[1]")}
    assert sum(answers.statuses.values()) == len(server.asked)
    assert set(answers.statuses) == {200, 429}
    assert len(answers.good) == answers.statuses[200]
    assert server.connections < len(server.asked)


def test_what_gets_no_answer_is_told() -> None:
    with serving(hangs_up=True) as (url, _), pytest.raises(Unanswered, match="a broken connection"):
        arrivals.send(url, REQUEST, rate=100, seconds=0.2, seed=1)


def test_goodput_is_what_was_answered_while_requests_came() -> None:
    answers = Answers(seconds=2, good=[0.001 * number for number in range(1, 201)], in_time=150)
    assert (answers.goodput, answers.p99_ms) == (75, pytest.approx(199))


def test_the_table_sets_answers_beyond_the_capacity_beside_it() -> None:
    of = Figures({0: 100, 1: 200}, {0: 50, 1: 60}, {0: 90, 1: 190}, {0: 55, 1: 60}, {0: 0.5, 1: 0.54})
    *_, row = render(ModelName.EFFICIENTNET, {Payload.JPEG: of}).splitlines()
    assert row == "| jpeg | 150 | 140 | 0.90, 0.93, 0.95 | 55 | 58 | 1.00, 1.05, 1.10 | 52% |"
