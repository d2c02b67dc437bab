"""Servers that answer wrongly, or not at all: each gets its line and exit code 1, within the time given."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.smoke.deadline import Deadline
from tests.infra.smoke.conftest import ROOT, Smoke
from tests.loopback import Loopback, Request, Response

GOLDEN = json.loads((ROOT / "inference_app/model_repository/digits/1/golden.json").read_bytes())
SCORES: list[float] = GOLDEN["outputs"]["probabilities"][0]
OUTPUT = {"name": "probabilities", "datatype": "FP32", "shape": [1, 10], "data": SCORES}


def saying(version: str = "1", **changes: Any) -> Response:
    """A truthful answer but for some fields of its output."""
    document = {"model_name": "digits", "model_version": version, "outputs": [{**OUTPUT, **changes}]}
    return Response(headers={"Content-Type": "application/json"}, body=json.dumps(document).encode())


def off_by(error: float) -> list[float]:
    return [SCORES[0] + error, *SCORES[1:]]


HTML = Response(headers={"Content-Type": "text/html"}, body=b"<html>\nSign in")

LIES = [
    (saying(data=off_by(0.01)), "its numbers are 0.01 off, 0.0001 are allowed; it serves another model"),
    (saying(data=off_by(0.00011)), "its numbers are 0.00011 off"),
    (saying(data=[None, *SCORES[1:]]), "it gives NaN"),
    (saying(data=off_by(float("inf"))), "it gives infinity"),
    (saying(data=SCORES[:9], shape=[1, 9]), "output probabilities has the shape [1, 9], not [1, 10]"),
    (saying(data=SCORES, shape=[10]), "output probabilities has the shape [10], not [1, 10]"),
    (saying(data=SCORES[:9]), "not of the Open Inference Protocol (ValueError: cannot reshape"),
    (saying(data=[str(score) for score in SCORES]), "is no number)"),
    (saying(name="logits"), "the answer lacks the output probabilities, it has logits"),
    (saying(version="7"), "version 7 answers, the golden output cannot be read"),
    (Response(body=b"[]"), "not of the Open Inference Protocol (TypeError"),
    (Response(body=b'{"outputs": 1}'), "not of the Open Inference Protocol (TypeError"),
    (Response(body=b""), "that is no JSON: b''; something else answers"),
    (HTML, r"text/html that is no JSON: b'<html>\nSign"),
    (Response(status=500, body=b'{"error": "the model raised"}'), "500, the model raised; read the server's log"),
    (Response(status=400, body=b'{"error": "expected shape"}'), "expected shape; the server refuses the golden input"),
    (Response(status=404, body=b"not here"), "status 404, 'not here'; no such model or path there"),
    (Response(status=502), "status 502; read the server's log"),
]


@pytest.mark.parametrize(("lie", "line"), LIES, ids=[line[:30] for _, line in LIES])
def test_a_wrong_answer_is_one_line_and_exit_code_1(smoke: Smoke, lie: Response, line: str) -> None:
    with Loopback(lambda _: lie) as server:
        run = smoke({"eks": {"kind": "http", "address": server.url}})

    assert run.code == 1
    assert line in run.verdict("eks")
    assert "FAILED" in run.out


@pytest.mark.parametrize("error", [0.0, 0.00009, -0.00009])
def test_numbers_within_the_tolerance_are_right(smoke: Smoke, error: float) -> None:
    with Loopback(lambda _: saying(data=off_by(error))) as server:
        assert smoke({"eks": {"kind": "http", "address": server.url}}).code == 0


def test_the_first_golden_example_is_what_is_sent(smoke: Smoke) -> None:
    with Loopback(lambda _: saying()) as server:
        smoke({"eks": {"kind": "http", "address": f"{server.url}/"}})

    (request,) = server.requests
    (tensor,) = json.loads(request.body)["inputs"]
    assert request.path == "/v2/models/digits/infer"
    assert tensor == {"name": "image", "datatype": "FP32", "shape": [1, 8, 8, 1], "data": GOLDEN["inputs"]["image"][:1]}


def test_a_redirect_is_not_followed(smoke: Smoke) -> None:
    with Loopback(lambda _: saying()) as other:
        redirect = Response(status=302, headers={"Location": other.url})
        with Loopback(lambda _: redirect) as server:
            run = smoke({"eks": {"kind": "http", "address": server.url}})

    assert other.requests == []
    assert f"status 302; it redirects to {other.url}, which is not followed" in run.verdict("eks")


def test_an_address_that_nobody_listens_on_says_how_to_reach_an_internal_one(smoke: Smoke) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    run = smoke({"eks": {"kind": "http", "address": f"http://127.0.0.1:{port}"}})

    assert run.code == 1
    assert "no connection ([Errno 111] Connection refused); an internal address" in run.verdict("eks")
    assert "--address eks=http://127.0.0.1:8080" in run.verdict("eks")


def test_a_connection_that_breaks_is_one_line(smoke: Smoke) -> None:
    with Loopback(lambda _: Response(headers={"Transfer-Encoding": "chunked"}, body=b"no chunk")) as server:
        run = smoke({"eks": {"kind": "http", "address": server.url}})

    assert "the connection broke (IncompleteRead" in run.verdict("eks")


def test_a_server_that_hangs_holds_nobody_up(smoke: Smoke) -> None:
    with Loopback(lambda _: Response(delay=3)) as slow, Loopback(lambda _: saying()) as quick:
        started = time.monotonic()
        endpoints = {name: {"kind": "http", "address": slow.url} for name in ("a", "b", "c")}
        run = smoke({**endpoints, "quick": {"kind": "http", "address": quick.url}}, "--timeout", "0.5")

    assert time.monotonic() - started < 2.5
    assert run.code == 1
    assert [line.split()[-1] for line in run.out.splitlines()[1:5]] == ["FAILED", "FAILED", "FAILED", "ok"]
    assert "it took the connection and stays silent" in run.verdict("a")


def test_a_server_that_answers_byte_by_byte_ends_with_the_time(smoke: Smoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.smoke.run.GRACE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping, started = Dripping(server), time.monotonic()
        run = smoke({"eks": {"kind": "http", "address": dripping.url}}, "--timeout", "0.5")
        seconds = time.monotonic() - started
        dripping.stop()

    assert (run.code, seconds < 5) == (1, True)
    assert "no end after 0.5 s" in run.verdict("eks")


class Dripping:
    """Sends a byte each tenth of a second, for ever."""

    def __init__(self, server: socket.socket) -> None:
        self.url = f"http://127.0.0.1:{server.getsockname()[1]}"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._drip, args=[server])
        self._thread.start()

    def _drip(self, server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self._stopped.wait(0.1):
                connection.sendall(b" ")

    def stop(self) -> None:
        """Close the connection."""
        self._stopped.set()
        self._thread.join()


def starting(times: int, headers: dict[str, str]) -> Callable[[Request], Response]:
    """Not ready for the first requests."""
    left = iter(range(times))
    cold = Response(status=503, headers=headers, body=b'{"error": "the model is loading"}')
    return lambda _: saying() if next(left, None) is None else cold


def test_a_server_that_starts_is_asked_again_when_it_says(smoke: Smoke, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def pause(_: Deadline, seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(Deadline, "pause", pause)
    with Loopback(starting(2, {"Retry-After": "7"})) as server:
        run = smoke({"eks": {"kind": "http", "address": server.url}})

    assert (run.code, pauses) == (0, [7.0, 7.0])
    assert run.err.splitlines() == ["eks is not ready (status 503, the model is loading); asking again in 7 s"] * 2


@pytest.mark.parametrize("pause", ["30", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_server_that_never_starts_fails_before_the_time_is_over(smoke: Smoke, pause: str) -> None:
    with Loopback(starting(99, {"Retry-After": pause})) as server:
        run = smoke({"eks": {"kind": "http", "address": server.url}}, "--timeout", "1")

    assert (run.code, len(server.requests)) == (1, 1)
    assert "the model is loading; it never became ready" in run.verdict("eks")


@pytest.fixture
def two_versions(checkout: Path) -> Path:
    """The stack file of a checkout whose model has a second version with an output of its own."""
    (checkout / "inference_app").unlink()
    model = checkout / "inference_app/model_repository/digits"
    shutil.copytree(ROOT / "inference_app/model_repository/digits", model)
    shutil.copytree(model / "1", model / "2")
    golden = {**GOLDEN, "outputs": {"probabilities": [off_by(0.5)]}}
    (model / "2/golden.json").write_text(json.dumps(golden))
    return checkout / "Pulumi.dev.yaml"


def test_an_unpinned_endpoint_is_compared_with_the_version_that_answers(smoke: Smoke, two_versions: Path) -> None:
    assert two_versions.is_file()
    with Loopback(lambda _: saying(version="2", data=off_by(0.5))) as right, Loopback(lambda _: saying("2")) as wrong:
        run = smoke({"a": {"kind": "http", "address": right.url}, "b": {"kind": "http", "address": wrong.url}})

    assert run.out.splitlines()[1].split()[2] == "2"
    assert [line.split()[-1] for line in run.out.splitlines()[1:3]] == ["ok", "FAILED"]
    assert "golden input of digits version 2: its numbers are 0.5 off" in run.verdict("b")


def test_a_pinned_endpoint_that_serves_another_version_failed(smoke: Smoke, two_versions: Path) -> None:
    two_versions.write_text("config:\n  p:model: {name: digits, version: '2'}\n")
    with Loopback(lambda _: saying(version="1")) as server:
        run = smoke({"eks": {"kind": "http", "address": server.url}})

    assert run.code == 1
    assert "version 1 answers, the stack file names 2; the update did not arrive" in run.verdict("eks")


def test_versions_that_answer_in_turn_are_said_so(smoke: Smoke, two_versions: Path) -> None:
    assert two_versions.is_file()
    turns = iter(["2", "1", "2", "1"])
    with Loopback(lambda _: saying(version=next(turns))) as server:
        run = smoke({"eks": {"kind": "http", "address": server.url}})

    assert "its versions answer in turn" in run.verdict("eks")
