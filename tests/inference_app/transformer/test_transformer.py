"""A transformer's process in front of a model server's, as KServe starts them."""

import signal
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from inference_app.process import ServerProcess
from inference_app.repository import ModelVersion

pytestmark = pytest.mark.slow

GOLDEN = "/v2/models/digits/infer"


def transformer(predictor: str, **environment: str) -> ServerProcess:
    host = predictor.removeprefix("http://")
    arguments = ("--model_name", "digits", "--predictor_host", host)
    return ServerProcess(environment, *arguments, module="inference_app.transformer")


@pytest.fixture(scope="module")
def front(server: httpx.Client) -> Generator[httpx.Client]:
    """A client of a transformer in front of the shared server."""
    with transformer(str(server.base_url)) as process, httpx.Client(base_url=process.url()) as client:
        process.until("ready")
        yield client


@pytest.fixture(scope="module")
def image(digits: ModelVersion) -> bytes:
    return (digits.directory / digits.metadata.samples[0].file).read_bytes()


def infer_body(example: list[Any], **parameters: object) -> dict[str, Any]:
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 8, 8, 1], "data": [example]}
    return {"inputs": [tensor], "parameters": parameters} if parameters else {"inputs": [tensor]}


def test_a_picture_gets_the_answer_that_the_model_server_gives(
    front: httpx.Client, server: httpx.Client, image: bytes
) -> None:
    headers = {"Content-Type": "image/png"}
    answers = [client.post("/predict", content=image, headers=headers) for client in (front, server)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(("path", "key"), [("/predict", "inputs"), ("/invocations", "instances")])
def test_json_gets_the_answer_that_the_model_server_gives(
    front: httpx.Client, server: httpx.Client, example: list[Any], path: str, key: str
) -> None:
    answers = [client.post(path, json={key: [example]}) for client in (front, server)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("parameters", [{}, {"binary_data_output": True}])
def test_tensors_get_the_answer_that_the_model_server_gives(
    front: httpx.Client, server: httpx.Client, example: list[Any], parameters: dict[str, object]
) -> None:
    answers = [client.post(GOLDEN, json=infer_body(example, **parameters)) for client in (front, server)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content


def test_many_requests_at_once_keep_their_own_answers(
    front: httpx.Client, server: httpx.Client, golden: dict[str, Any]
) -> None:
    examples = golden["inputs"]["image"]
    expected = [server.post("/predict", json={"inputs": [each]}).json() for each in examples]

    def ask(example: list[Any]) -> object:
        return front.post("/predict", json={"inputs": [example]}).json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, 10 * examples))

    assert answers == 10 * expected


def test_the_connections_to_the_predictor_are_kept(front: httpx.Client, example: list[Any]) -> None:
    before = _open_files(front)
    for _ in range(20):
        assert front.post("/predict", json={"inputs": [example]}).status_code == 200

    assert _open_files(front) <= before + 1


def _open_files(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("process_open_fds "))


def test_a_request_that_the_preprocessing_refuses_never_reaches_the_predictor(
    front: httpx.Client, server: httpx.Client
) -> None:
    answers = [client.post("/predict", json={"inputs": [[1, 2]]}) for client in (front, server)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json() == answers[1].json()


def test_without_its_predictor_it_refuses_with_503_and_answers_again_when_there_is_one(example: list[Any]) -> None:
    with ServerProcess({}) as first:
        first.until("ready")
        url = first.url()
        with transformer(url) as process, httpx.Client(base_url=process.url()) as client:
            process.until("ready")
            first.send(signal.SIGKILL)
            first.wait()
            gone = client.post("/predict", json={"inputs": [example]})
            with ServerProcess({"PORT": url.rpartition(":")[2]}) as second:
                second.until("ready")
                back = client.post("/predict", json={"inputs": [example]})
            ready = client.get("/ready")

    assert gone.status_code == 503
    assert gone.headers["Retry-After"] == "1"
    assert "predictor cannot be reached" in gone.json()["error"]
    assert back.status_code == 200
    assert ready.status_code == 200, "requests that get 503 know when to come again; those to no pod do not"


def test_it_waits_for_its_predictor_and_says_so(digits: ModelVersion) -> None:
    del digits
    with transformer("http://127.0.0.1:9") as process:
        entry = process.until("waiting for the predictor")
        process.send(signal.SIGTERM)

        assert process.wait() == 0
    assert "cannot be reached" in entry["reason"]


@pytest.mark.parametrize("arguments", [(), ("--model_name", "digits"), ("--predictor_protocol", "v1")])
def test_wrong_arguments_end_it_with_a_line_that_says_what_is_wrong(arguments: tuple[str, ...]) -> None:
    with ServerProcess({}, *arguments, module="inference_app.transformer") as process:
        assert process.wait() == 2

    assert "error:" in process.output[-1]
