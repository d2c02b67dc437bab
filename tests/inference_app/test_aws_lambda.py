"""The function under Amazon's own runtime client, which takes its events from a scripted Runtime API."""

import base64
import io
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference_app.repository import ModelVersion
from tests.inference_app.lambda_runtime import LambdaFunction, Outcome

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def function() -> Generator[LambdaFunction]:
    """A function with the image's own model."""
    with LambdaFunction({}) as function:
        yield function


def http(path: str, body: bytes | str | None = None, method: str = "POST", **headers: str) -> dict[str, Any]:
    """The event of a function URL; bytes go as base64, and underscores in header names mean hyphens."""
    encoded = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "body": encoded,
        "isBase64Encoded": isinstance(body, bytes),
    }


def answer(outcome: Outcome) -> tuple[int, Any]:
    """Status and JSON document of an HTTP response."""
    assert outcome.kind == "response"
    assert not outcome.document["isBase64Encoded"]
    return outcome.document["statusCode"], json.loads(outcome.document["body"])


@pytest.mark.parametrize("path", ["/", "/predict", "/predict/digits", "/invocations"])
def test_json_is_predicted_on_every_path_that_the_server_has(
    function: LambdaFunction, example: list[Any], path: str
) -> None:
    event = http(path, json.dumps({"inputs": example}), content_type="application/json")
    status, document = answer(function.invoke(event))
    assert (status, len(document["predictions"])) == (200, 1)


def test_an_image_arrives_as_base64(function: LambdaFunction, digits: ModelVersion) -> None:
    sample = digits.metadata.samples[0]
    event = http("/predict", (digits.directory / sample.file).read_bytes(), content_type="image/png")
    status, document = answer(function.invoke(event))
    assert (status, document["predictions"][0]["label"]) == (200, sample.label)


def test_bytes_leave_as_base64(function: LambdaFunction, golden: dict[str, Any]) -> None:
    file = io.BytesIO()
    np.save(file, np.array(golden["inputs"]["image"]))
    npy = "application/x-npy"
    response = function.invoke(http("/invocations", file.getvalue(), content_type=npy, accept=npy)).document
    assert (response["headers"]["content-type"], response["isBase64Encoded"]) == (npy, True)
    scores = np.load(io.BytesIO(base64.b64decode(response["body"])))
    assert np.abs(scores - np.array(golden["outputs"]["probabilities"])).max() < 1e-4


@pytest.mark.parametrize("path", ["/v2/models/digits/infer", "/v2/models/digits/versions/1/infer"])
def test_the_open_inference_protocol_is_spoken(function: LambdaFunction, example: list[Any], path: str) -> None:
    tensor = {"name": "image", "shape": [1, 8, 8, 1], "datatype": "FP32", "data": [example]}
    status, document = answer(function.invoke(http(path, json.dumps({"inputs": [tensor]}))))
    assert (status, document["outputs"][0]["shape"]) == (200, [1, 10])


def test_the_stage_of_an_http_api_is_no_part_of_the_path(function: LambdaFunction, example: list[Any]) -> None:
    events = [http(path, json.dumps(example)) for path in ("/pre/predict", "/predict", "/pre")]
    for event in events:
        event["requestContext"]["stage"] = "pre"
    assert [answer(function.invoke(event))[0] for event in events] == [200] * 3


@pytest.mark.parametrize("path", ["/ready", "/health", "/ping", "/v2/health/ready"])
def test_probes_answer(function: LambdaFunction, path: str) -> None:
    assert answer(function.invoke(http(path, method="GET")))[0] == 200


@pytest.mark.parametrize(
    ("event", "status", "part"),
    [
        (http("/predict", "[1, 2"), 400, "no valid JSON"),
        (http("/predict"), 400, "no valid JSON"),
        (http("/predict", "[]", timeout="soon"), 400, "the timeout header"),
        ({**http("/predict", "[]"), "isBase64Encoded": True}, 400, "the body is no base64"),
        (http("/predict", "", content_type="text/html"), 415, "Content-Type must be one of"),
        (http("/predict/cats", "[]"), 404, "model cats is not served here"),
        (http("/v2/models/digits/versions/9/infer", "{}"), 404, "version 9 of digits"),
        (http("/elsewhere", "[]"), 404, "POST /predict is"),
        (http("/predict", method="GET"), 404, "GET /predict is not answered here"),
    ],
)
def test_an_http_client_gets_its_error_as_a_response(
    function: LambdaFunction, event: dict[str, Any], status: int, part: str
) -> None:
    given, document = answer(function.invoke(event))
    assert given == status
    assert part in document["error"]


def test_a_direct_invocation_is_a_predictions_body_and_answer(function: LambdaFunction, example: list[Any]) -> None:
    outcomes = [function.invoke(event) for event in (example, {"inputs": [example, example]})]
    assert [outcome.kind for outcome in outcomes] == ["response"] * 2
    assert [len(outcome.document["predictions"]) for outcome in outcomes] == [1, 2]


def test_a_direct_invocation_fails_with_the_reason_and_the_next_one_works(
    function: LambdaFunction, example: list[Any]
) -> None:
    failed, worked = function.invoke({"inputs": [1]}), function.invoke(example)
    assert (failed.kind, failed.document["errorType"], worked.kind) == ("error", "BadRequest", "response")
    assert "expected shape" in failed.document["errorMessage"]


def test_an_event_without_time_left_never_reaches_the_model(function: LambdaFunction, example: list[Any]) -> None:
    event = http("/predict", json.dumps(example))
    assert answer(function.invoke(event, seconds=-1))[0] == 504


def test_a_model_that_cannot_be_served_fails_the_initialisation_with_the_reason(own_repository: Path) -> None:
    (own_repository / "digits" / "1" / "model.onnx").write_bytes(b"damaged")
    with LambdaFunction({"MODEL_REPOSITORY": str(own_repository)}) as function:
        outcome = function.outcome()
        code = function.process.wait(30)
    assert (outcome.kind, outcome.document["errorType"], code) == ("init/error", "NotReady", 1)
    assert "SHA-256" in outcome.document["errorMessage"]


def test_a_function_with_keys_asks_them_of_http_requests_alone(example: list[Any]) -> None:
    body, key = json.dumps({"inputs": example}), "a-key-of-the-function"
    with LambdaFunction({"API_KEYS": key}) as function:
        refused = function.invoke(http("/predict", body)).document
        admitted = function.invoke(http("/predict", body, x_api_key=key)).document
        probe = function.invoke(http("/health", method="GET")).document
        direct = function.invoke({"inputs": example}).document
    assert (refused["statusCode"], refused["headers"]["www-authenticate"]) == (401, "Bearer")
    assert (admitted["statusCode"], probe["statusCode"], len(direct["predictions"])) == (200, 200, 1)
