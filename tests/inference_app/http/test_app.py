"""A real process and real HTTP: what clients of a healthy server see."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from inference_app import __version__, contract
from inference_app.repository import ModelVersion

pytestmark = pytest.mark.slow
JSON = {"Content-Type": "application/json"}
Metric = Callable[..., float]


def predict(client: httpx.Client, content: bytes | str, content_type: str = "application/json") -> httpx.Response:
    return client.post("/predict", content=content, headers={"Content-Type": content_type})


def infer(client: httpx.Client, path: str = "/v2/models/digits/infer", **changes: Any) -> httpx.Response:
    tensor = {"name": "image", "shape": [1, 8, 8, 1], "datatype": "FP32", "data": [0.0] * 64, **changes}
    return client.post(path, json={"id": "7", "inputs": [tensor]})


def test_every_shipped_sample_gets_its_label(server: httpx.Client, digits: ModelVersion) -> None:
    samples = digits.metadata.samples
    images = [(digits.directory / sample.file).read_bytes() for sample in samples]
    answers = [predict(server, image, "image/png").json()["predictions"][0] for image in images]
    assert len(answers) >= 12
    assert [answer["label"] for answer in answers] == [sample.label for sample in samples]


def test_json_and_an_image_of_the_same_digit_get_the_same_answer(
    server: httpx.Client, golden: dict[str, Any], digits: ModelVersion
) -> None:
    answer = predict(server, json.dumps({"inputs": golden["inputs"]["image"]})).json()
    expected = [max(range(10), key=row.__getitem__) for row in golden["outputs"]["probabilities"]]
    assert [item["label"] for item in answer["predictions"]] == [str(label) for label in expected]
    assert (answer["model"], answer["version"]) == ("digits", digits.metadata.version)


def test_the_open_inference_protocol_gives_the_golden_output(
    server: httpx.Client, golden: dict[str, Any], digits: ModelVersion
) -> None:
    inputs = golden["inputs"]["image"]
    answer = infer(server, shape=[len(inputs), 8, 8, 1], data=inputs).json()
    expected = [value for row in golden["outputs"]["probabilities"] for value in row]
    assert answer["id"] == "7"
    assert answer["outputs"][0]["shape"] == [len(inputs), 10]
    assert answer["outputs"][0]["data"] == pytest.approx(expected, abs=digits.metadata.golden.tolerance)


def test_a_version_may_be_named_in_the_path(server: httpx.Client) -> None:
    assert infer(server, "/v2/models/digits/versions/1/infer").status_code == 200
    assert infer(server, "/v2/models/digits/versions/9/infer").status_code == 404
    assert infer(server, "/v2/models/cats/infer").status_code == 404


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/health", {"status": "live"}),
        ("/ready", {"status": "ready", "models": {"digits": "1"}}),
        ("/ping", {"status": "ready", "models": {"digits": "1"}}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"live": True, "ready": True}),
        ("/v2/models/digits/ready", {"name": "digits", "ready": True}),
        ("/v2/models/digits/versions/1/ready", {"name": "digits", "ready": True}),
    ],
)
def test_probes_and_metadata_answer(server: httpx.Client, path: str, answer: dict[str, Any]) -> None:
    response = server.get(path)
    assert (response.status_code, response.json()) == (200, answer)


def test_the_servers_metadata_names_its_extensions(server: httpx.Client) -> None:
    metadata = server.get("/v2").json()
    assert (metadata["name"], metadata["version"]) == ("inference-platform", __version__)
    assert "binary_tensor_data" in metadata["extensions"]


def test_the_models_metadata_names_its_tensors(server: httpx.Client) -> None:
    metadata = server.get("/v2/models/digits").json()
    assert metadata["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 8, 8, 1]}]
    assert metadata["versions"] == ["1"]


@pytest.mark.parametrize("content", ["", "[1,", "[NaN]", '{"inputs": [1e999]}', "\x00", "[" * 50_000])
def test_malformed_json_is_400_with_a_reason(server: httpx.Client, content: str) -> None:
    response = predict(server, content)
    assert response.status_code == 400
    assert len(response.json()["error"]) > 10


def test_a_wrong_shape_is_400_with_expected_and_got(server: httpx.Client) -> None:
    response = predict(server, '{"inputs": [[1, 2], [3, 4]]}')
    assert response.status_code == 400
    assert response.json()["error"] == "input image: expected shape [-1, 8, 8, 1], got [2, 2]"


def test_a_wrong_datatype_is_400_with_expected_and_got(server: httpx.Client) -> None:
    response = infer(server, datatype="INT64")
    assert response.status_code == 400
    assert response.json()["error"] == "input image: expected datatype FP32, got INT64"


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Content-Type": "text/plain"}, 415), ({**JSON, "Content-Encoding": "gzip"}, 415)],
)
def test_other_types_and_encodings_are_415(server: httpx.Client, headers: dict[str, str], status: int) -> None:
    assert server.post("/predict", content=b"x", headers=headers).status_code == status


def test_unknown_paths_and_methods_get_json_errors(server: httpx.Client) -> None:
    assert server.get("/nowhere").json() == {"error": "Not Found"}
    refused = [server.get("/predict"), server.delete("/health"), server.get("/models/digits/invoke")]
    assert [answer.status_code for answer in refused] == [405] * 3
    assert [answer.headers["allow"] for answer in refused] == ["POST", "GET, HEAD", "POST"]


def test_what_can_be_got_has_a_head(server: httpx.Client) -> None:
    heads = [server.head(path) for path in ("/health", "/v2", "/v2/models/digits", "/docs")]
    assert [(head.status_code, head.content) for head in heads] == [(200, b"")] * 4


def test_a_path_made_up_by_a_client_adds_no_metric(server: httpx.Client) -> None:
    server.get("/made-up-path")
    assert "made-up-path" not in server.get("/metrics").text


def test_requests_are_counted_by_route_and_code(server: httpx.Client, metric: Metric) -> None:
    before = metric(server, "inference_requests_total", route="/predict", code="415")
    predict(server, b"x", "text/plain")
    assert metric(server, "inference_requests_total", route="/predict", code="415") == before + 1


def test_the_metrics_name_the_provider_that_the_model_really_runs_on(server: httpx.Client, metric: Metric) -> None:
    assert metric(server, "inference_model_info", execution_provider="CPUExecutionProvider", version="1") == 1
    assert metric(server, "inference_ready") == 1


def test_every_metric_of_the_contract_is_there(server: httpx.Client) -> None:
    text = server.get("/metrics").text
    assert [name for name in (entry.name for entry in contract.METRICS) if f"# TYPE {name} " not in text] == []


async def test_a_bad_request_among_many_never_touches_its_neighbours(server: httpx.Client, example: list[Any]) -> None:
    good, bad = json.dumps(example), json.dumps([1, 2, 3])
    async with httpx.AsyncClient(base_url=server.base_url) as client:
        posts = [client.post("/predict", content=bad if i % 3 == 0 else good, headers=JSON) for i in range(60)]
        responses = await asyncio.gather(*posts)
    assert {response.status_code for response in responses[::3]} == {400}
    answers = {response.text for index, response in enumerate(responses) if index % 3}
    assert len(answers) == 1
    assert '"label":"1"' in answers.pop()


async def test_concurrent_requests_share_model_calls(server: httpx.Client, example: list[Any], metric: Metric) -> None:
    calls, examples = (metric(server, f"inference_batch_size_{part}") for part in ("count", "sum"))
    many = json.dumps([example] * 32)
    async with httpx.AsyncClient(base_url=server.base_url) as client:
        await asyncio.gather(*(client.post("/predict", content=many, headers=JSON) for _ in range(2)))
        await asyncio.gather(*(client.post("/predict", content=json.dumps(example), headers=JSON) for _ in range(64)))
    assert metric(server, "inference_batch_size_sum") - examples == 128
    assert metric(server, "inference_batch_size_count") - calls < 66
