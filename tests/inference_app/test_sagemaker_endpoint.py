"""Real containers' processes behind a stand-in for SageMaker's router, called by Amazon's own client."""

import importlib
import io
import json
import shutil
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from inference_app.process import ServerProcess
from inference_app.repository import ModelVersion
from tests.inference_app.sagemaker_router import SageMakerRouter

pytestmark = pytest.mark.slow

# botocore ships no type information, so its objects are untyped here and nowhere else.
session: Any = importlib.import_module("botocore.session")
config: Any = importlib.import_module("botocore.config")


def client_of(router: SageMakerRouter) -> Any:
    """Amazon's client, as boto3 gives it too."""
    return session.Session().create_client(
        "sagemaker-runtime",
        region_name="eu-west-1",
        endpoint_url=router.url,
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=config.Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def container(digits: ModelVersion) -> Generator[str]:
    """A container with a version's files as its model data, and the port that a pipeline gives it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    given = {"SM_MODEL_DIR": str(digits.directory), "SAGEMAKER_BIND_TO_PORT": port, "PORT": "8080"}
    with ServerProcess(given, "serve") as process:
        process.until("ready")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def client(container: str) -> Generator[Any]:
    """A client of a real-time endpoint."""
    with SageMakerRouter(container) as router:
        yield client_of(router)


@pytest.fixture(scope="module")
def images(golden: dict[str, Any]) -> list[Any]:
    """Examples as the model takes them."""
    return golden["inputs"]["image"][:2]


@pytest.fixture(scope="module")
def scores(golden: dict[str, Any]) -> Any:
    """What the model must say of them."""
    return np.array(golden["outputs"]["probabilities"][:2])


def test_the_container_answers_ping_on_the_port_that_it_is_given(container: str) -> None:
    assert httpx.get(f"{container}/ping").status_code == 200


def test_json_goes_in_and_labelled_predictions_come_out(client: Any, images: list[Any], scores: Any) -> None:
    body = json.dumps({"instances": images})
    given = client.invoke_endpoint(EndpointName="digits", ContentType="application/json", Body=body)
    predictions = json.loads(given["Body"].read())["predictions"]
    assert given["ContentType"] == "application/json"
    assert [prediction["label"] for prediction in predictions] == [str(best) for best in scores.argmax(axis=1)]


def test_csv_goes_in_and_out(client: Any, images: list[Any], scores: Any) -> None:
    rows = "\n".join(",".join(map(str, np.array(image).ravel().tolist())) for image in images)
    given = client.invoke_endpoint(EndpointName="digits", ContentType="text/csv", Accept="text/csv", Body=rows)
    assert given["ContentType"] == "text/csv"
    answer = np.loadtxt(io.BytesIO(given["Body"].read()), delimiter=",")
    assert np.abs(answer - scores).max() < 1e-4


def test_npy_goes_in_and_out(client: Any, images: list[Any], scores: Any) -> None:
    file = io.BytesIO()
    np.save(file, np.array(images))
    npy = "application/x-npy"
    given = client.invoke_endpoint(EndpointName="digits", ContentType=npy, Accept=npy, Body=file.getvalue())
    assert given["ContentType"] == npy
    answer = np.load(io.BytesIO(given["Body"].read()))
    assert np.abs(answer - scores).max() < 1e-4


def test_an_image_goes_in_and_the_clients_attributes_come_back(client: Any, digits: ModelVersion) -> None:
    sample = digits.metadata.samples[0]
    given = client.invoke_endpoint(
        EndpointName="digits",
        ContentType="image/png",
        CustomAttributes="trace=1",
        Body=(digits.directory / sample.file).read_bytes(),
    )
    assert json.loads(given["Body"].read())["predictions"][0]["label"] == sample.label
    assert given["CustomAttributes"] == "trace=1"


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        ({"ContentType": "text/csv", "Body": "a,b\n1,2"}, 400, "the first row is a header"),
        ({"ContentType": "application/x-parquet", "Body": b""}, 415, "text/csv and application/x-npy too"),
        ({"ContentType": "text/csv", "Accept": "image/png", "Body": "1"}, 406, "Accept must allow one of"),
    ],
)
def test_the_client_sees_the_servers_own_words_in_a_model_error(
    client: Any, arguments: dict[str, Any], status: int, part: str
) -> None:
    with pytest.raises(client.exceptions.ModelError) as caught:
        client.invoke_endpoint(EndpointName="digits", **arguments)
    assert caught.value.response["OriginalStatusCode"] == status
    assert part in json.loads(caught.value.response["OriginalMessage"])["error"]


def test_a_container_whose_model_is_not_ready_fails_its_ping(own_repository: Path) -> None:
    (own_repository / "digits" / "1" / "model.onnx").write_bytes(b"damaged")
    with ServerProcess({"SM_MODEL_DIR": str(own_repository)}, "serve") as process:
        process.until("not ready")
        answer = httpx.get(f"{process.url()}/ping")
    assert answer.status_code == 503
    assert "SHA-256" in answer.json()["error"]


@pytest.mark.parametrize("arguments", [("train",), ("serve", "now")])
def test_another_command_is_one_line_and_exit_code_2(arguments: tuple[str, ...]) -> None:
    with ServerProcess({}, *arguments) as process:
        code = process.wait()
    assert (code, process.output) == (2, [f"usage: python -m inference_app [serve], got {' '.join(arguments)}\n"])


def test_a_multi_model_endpoint_serves_each_model_that_a_client_targets(
    digits: ModelVersion, tmp_path: Path, images: list[Any]
) -> None:
    archives = {f"team/{name}.tar.gz": tmp_path / name / "model" for name in ("one", "two")}
    for directory in archives.values():
        shutil.copytree(digits.directory, directory)
    body = json.dumps(images)
    answers: list[Any] = []
    with ServerProcess({"SAGEMAKER_MULTI_MODEL": "true"}, "serve") as process:
        container = process.url()
        pings = [httpx.get(f"{container}/ping").status_code]
        nameless = httpx.post(f"{container}/invocations", content="[]")
        with SageMakerRouter(container, archives) as router:
            client = client_of(router)
            for target in (*archives, *archives):
                given = client.invoke_endpoint(
                    EndpointName="many", TargetModel=target, ContentType="application/json", Body=body
                )
                answers.append(json.loads(given["Body"].read()))
        pings.append(httpx.get(f"{container}/ping").status_code)
        listed = httpx.get(f"{container}/models").json()
    assert (pings, nameless.status_code) == ([200, 200], 503)
    assert answers == [answers[0]] * 4
    assert [model["modelName"] for model in listed["models"]] == ["team-one", "team-two"]
