"""TensorFlow Serving's REST API in front of the real model server, which answers with the shipped model's numbers."""

import json
import re
from collections.abc import Callable
from email.message import Message

import pytest

from infra.smoke.clients.tensorflow_serving import answer, request
from infra.smoke.golden import Golden
from infra.smoke.http import Reply
from infra.smoke.tensors import Tensor
from tests.infra.smoke.cloud import forwarded
from tests.infra.smoke.conftest import Smoke
from tests.loopback import Loopback, Request, Response

pytestmark = pytest.mark.slow

PREDICT = re.compile(r"/v1/models/digits(/versions/(?P<version>\d+))?:predict")


def rest_api(server: str, served: str = "1") -> Callable[[Request], Response]:
    """By https://github.com/tensorflow/serving/blob/2.20.0/tensorflow_serving/g3doc/api_rest.md#predict-api."""

    def handle(request: Request) -> Response:
        match = PREDICT.fullmatch(request.path)
        if not match or match["version"] not in (None, served):
            return refused(404, "Servable not found for request")
        given = json.loads(request.body)["inputs"]
        tensor = {"name": "image", "datatype": "FP32", "shape": [len(given), 8, 8, 1], "data": given}
        asked = Request(
            method="POST",
            path="",
            headers={"content-type": "application/json"},
            body=json.dumps({"inputs": [tensor]}).encode(),
        )
        (output,) = json.loads(forwarded(server, asked, "/v2/models/digits/infer").body)["outputs"]
        size = output["shape"][1]
        rows = [output["data"][start : start + size] for start in range(0, len(output["data"]), size)]
        return Response(headers={"Content-Type": "application/json"}, body=json.dumps({"outputs": rows}).encode())

    return handle


def refused(status: int, message: str) -> Response:
    return Response(
        status=status, headers={"Content-Type": "application/json"}, body=f'{{"error": "{message}"}}'.encode()
    )


def test_a_model_is_asked_for_the_version_whose_golden_output_is_known(server: str, smoke: Smoke) -> None:
    with Loopback(rest_api(server)) as serving:
        run = smoke({"eks": {"kind": "tensorflow-serving", "address": serving.url}})

    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines()[1].split()[:3] == ["eks", "tensorflow-serving", "1"]
    assert [request.path for request in serving.requests] == ["/v1/models/digits/versions/1:predict"]


def test_another_version_is_no_answer(server: str, smoke: Smoke) -> None:
    with Loopback(rest_api(server, served="2")) as serving:
        run = smoke({"eks": {"kind": "tensorflow-serving", "address": serving.url}})

    assert run.code == 1
    assert "status 404, Servable not found for request; it serves another model or version" in run.verdict("eks")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"predictions": [[1]]}', "an answer that is not of TensorFlow Serving's REST API (KeyError: 'outputs')"),
        (b'{"outputs": [["zero"]]}', "an answer that is not of TensorFlow Serving's REST API (ValueError: "),
        (b'{"outputs": {"other": [[1]]}}', "the answer lacks the output probabilities"),
        (b'{"outputs": [[0, 0, 0, 0, 0, 0, 0, 0, 0, 9]]}', "its numbers are "),
    ],
)
def test_a_wrong_answer_is_one_line(smoke: Smoke, body: bytes, said: str) -> None:
    with Loopback(lambda _: Response(headers={"Content-Type": "application/json"}, body=body)) as serving:
        run = smoke({"eks": {"kind": "tensorflow-serving", "address": serving.url}})

    assert run.code == 1
    assert said in run.verdict("eks")


def test_several_inputs_and_outputs_go_by_their_names() -> None:
    pixels, words = (Tensor(name=name, datatype="FP32", data=[[1.0]]) for name in ("pixels", "words"))
    golden = Golden(
        model="m", version="1", inputs=(pixels, words), outputs=(words, pixels), tolerance=0, raw_inputs=True
    )
    body = b'{"outputs": {"pixels": [[2]], "words": [[3]], "more": [[4]]}}'
    reply = Reply(asked="POST", status=200, headers=Message(), body=body, seconds=0.1)

    assert json.loads(request(golden)) == {"inputs": {"pixels": [[1.0]], "words": [[1.0]]}}
    assert {name: values.tolist() for name, values in answer(reply, golden).outputs.items()} == {
        "words": [[3.0]],
        "pixels": [[2.0]],
    }


def test_a_gateway_that_wants_a_key_says_so_and_is_shown_one(
    server: str, smoke: Smoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gateway(request: Request) -> Response:
        is_known = request.headers.get("x-api-key") == "a-key"
        return rest_api(server)(request) if is_known else refused(401, "no key")

    with Loopback(gateway) as serving:
        target = {"eks": {"kind": "tensorflow-serving", "address": serving.url}}
        monkeypatch.delenv("SMOKE_API_KEY", raising=False)
        without = smoke(target)
        monkeypatch.setenv("SMOKE_API_KEY", "a-key")
        with_key = smoke(target)

    assert "status 401, no key; it wants a key: set SMOKE_API_KEY" in without.verdict("eks")
    assert with_key.code == 0


def test_an_address_that_is_no_url_is_refused(smoke: Smoke) -> None:
    run = smoke({"eks": {"kind": "tensorflow-serving", "address": "digits"}})

    assert run.code == 2
    assert "address must be an http:// or https:// URL, got 'digits'" in run.err
