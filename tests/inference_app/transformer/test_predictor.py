"""What the transformer makes of a predictor's answers, on a server that gives whatever a test wants."""

from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import numpy as np
import orjson
import pytest

from inference_app.errors import DeadlineExceeded
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from inference_app.tensors import Arrays
from inference_app.transformer.predictor import Predictor, PredictorFailed, PredictorUnavailable

OUTPUT = np.full((2, 10), 0.1, np.float32)
Given = tuple[int, dict[str, str], bytes]


class Scripted(ThreadingHTTPServer):
    """Answers from a list, then as its last entry says; None breaks the connection."""

    script: list[Given | None]
    asked: list[tuple[str, bytes]]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.asked = [], []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Scripted  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, body))
        given = self.server.script.pop(0) if len(self.server.script) > 1 else self.server.script[0]
        if given is None:
            self.close_connection = True
            return
        status, headers, answer = given
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing is printed."""


@pytest.fixture
def scripted() -> Generator[Scripted]:
    with Scripted() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ask(scripted: Scripted, digits: ModelVersion) -> Callable[..., Arrays]:
    inputs = {"image": np.zeros((2, 8, 8, 1), np.float32)}

    def run(*script: Given | None, seconds: float = 5) -> Arrays:
        scripted.script = list(script)
        settings = Settings(predictor_url=scripted.url, request_timeout_seconds=seconds)
        return Predictor(digits.metadata, settings).run(inputs)

    return run


def answer(array: Any = OUTPUT, **changes: object) -> Given:
    content = array.tobytes()
    output = {
        "name": "probabilities",
        "datatype": "FP32",
        "shape": list(array.shape),
        "parameters": {"binary_data_size": len(content)},
    } | changes
    head = orjson.dumps({"model_name": "digits", "model_version": "1", "outputs": [output]})
    return 200, {"Inference-Header-Content-Length": str(len(head))}, head + content


def refused(status: int, **headers: str) -> Given:
    return status, headers, b'{"error":"no"}'


def test_tensors_go_and_come_as_bytes(ask: Callable[..., Arrays], scripted: Scripted, digits: ModelVersion) -> None:
    outputs = ask(answer())
    ((path, body),) = scripted.asked

    assert (outputs["probabilities"] == OUTPUT).all()
    assert path == f"/v2/models/digits/versions/{digits.metadata.version}/infer"
    assert body.endswith(np.zeros((2, 8, 8, 1), np.float32).tobytes())


def test_numbers_that_are_none_come_back_for_the_protocols_to_judge(ask: Callable[..., Arrays]) -> None:
    assert np.isnan(ask(answer(np.full((2, 10), np.nan, np.float32)))["probabilities"]).all()


@pytest.mark.parametrize("status", [400, 413, 429, 500, 503])
def test_a_refusal_passes_on_with_its_status_and_its_words(ask: Callable[..., Arrays], status: int) -> None:
    with pytest.raises(PredictorFailed, match=f"the predictor answers {status}: no") as caught:
        ask(refused(status, **{"Retry-After": "7"}))

    assert (caught.value.status, caught.value.headers) == (status, {"Retry-After": "7"})


def test_a_predictor_of_another_version_is_as_good_as_none(ask: Callable[..., Arrays]) -> None:
    with pytest.raises(PredictorUnavailable) as caught:
        ask(refused(404))

    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})


@pytest.mark.parametrize(
    "given",
    [
        (200, {}, b"hello"),
        (302, {"Location": "http://elsewhere"}, b""),
        answer(np.zeros((3, 10), np.float32)),
        answer(np.zeros((2, 9), np.float32)),
        answer(datatype="FP64"),
        answer(name="another"),
        answer(parameters={"binary_data_size": 81}),
        answer(parameters={}),
        (200, {"Inference-Header-Content-Length": "2"}, b"[]"),
    ],
)
def test_an_answer_that_makes_no_sense_is_a_bad_gateways(ask: Callable[..., Arrays], given: Given) -> None:
    with pytest.raises(PredictorFailed) as caught:
        ask(given)

    assert caught.value.status == 502


def test_a_connection_that_breaks_is_replaced_and_the_request_sent_again(
    ask: Callable[..., Arrays], scripted: Scripted
) -> None:
    assert (ask(None, answer())["probabilities"] == OUTPUT).all()
    assert len(scripted.asked) == 2


def test_a_predictor_that_only_breaks_connections_is_given_up(ask: Callable[..., Arrays], scripted: Scripted) -> None:
    with pytest.raises(PredictorUnavailable, match="cannot be reached"):
        ask(None)

    assert len(scripted.asked) == 3


def test_a_predictor_that_is_too_slow_is_not_asked_again(
    ask: Callable[..., Arrays], scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:

    released = Event()

    def never(handler: Handler, status: int) -> None:
        del handler, status
        released.wait(5)

    monkeypatch.setattr(Handler, "send_response", never)
    try:
        with pytest.raises(DeadlineExceeded, match=r"not answered within 0\.2 s"):
            ask(answer(), seconds=0.2)
    finally:
        released.set()

    assert len(scripted.asked) == 1
