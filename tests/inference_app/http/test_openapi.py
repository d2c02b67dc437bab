"""The API's description, held against a real server and against models of all kinds."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference_app.http import schemas
from inference_app.process import ServerProcess
from inference_app.repository import Metadata, ModelVersion
from inference_app.tensors import Datatype, TensorSpec

slow = pytest.mark.slow
JSON = "application/json"
CHANGES = re.compile("/(un)?load$")
CHECKS = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]
"""
"""422: the largest numbers are an input like any other, and the model's answer to them is infinite."""


@pytest.fixture(scope="module")
def document(server: httpx.Client) -> dict[str, Any]:
    """The document of a server with the shipped model."""
    return server.get("/openapi.json").json()


@slow
def test_the_document_has_the_probes_and_every_way_to_the_model(document: dict[str, Any]) -> None:
    assert {
        "/health",
        "/ready",
        "/ping",
        "/metrics",
        "/predict",
        "/predict/{name}",
        "/invocations",
        "/models/{name}/invoke",
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/{name}",
        "/v2/models/{name}/infer",
        "/v2/models/{name}/versions/{version}/infer",
        "/v2/repository/index",
    } <= set(document["paths"])


@slow
def test_every_example_runs(server: httpx.Client, document: dict[str, Any]) -> None:
    examples = {
        path: operations["post"]["requestBody"]["content"][JSON]["example"]
        for path, operations in document["paths"].items()
        if "example" in operations.get("post", {}).get("requestBody", {}).get("content", {}).get(JSON, {})
    }
    paths = {path: path.format(name="digits", version="1") for path in examples}
    statuses = [server.post(paths[path], json=example).status_code for path, example in examples.items()]
    assert statuses == [200] * 6


@slow
def test_every_error_is_documented_as_what_it_is(document: dict[str, Any]) -> None:
    operations = [operation for operations in document["paths"].values() for operation in operations.values()]
    answers = [answer for operation in operations for code, answer in operation["responses"].items() if code >= "400"]
    assert {json.dumps(answer["content"][JSON]["schema"]["required"]) for answer in answers} == {'["error"]'}
    assert "Validation" not in json.dumps(document)


@slow
def test_the_docs_page_shows_every_route_and_loads_nothing(server: httpx.Client, document: dict[str, Any]) -> None:
    page = server.get("/docs").text
    assert [path for path in document["paths"] if path not in page] == []
    assert re.findall(r"<script|<link|src=|https?://", page) == []


def checkable(document: dict[str, Any]) -> dict[str, Any]:
    """The document without bodies that have no schema, such as images, and without calls that change what is served."""
    for operations in document["paths"].values():
        for operation in operations.values():
            content = operation.get("requestBody", {}).get("content", {})
            for media_type in [media_type for media_type in content if media_type != JSON]:
                del content[media_type]
    paths = {path: operations for path, operations in document["paths"].items() if not CHANGES.search(path)}
    return {**document, "paths": paths}


@slow
def test_schemathesis_finds_no_disagreement_between_server_and_document(tmp_path: Path) -> None:
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("schemathesis is missing: pip install -r requirements-dev.txt")
    (tmp_path / "schemathesis.toml").write_text(CHECKS)
    with ServerProcess({"ADMIN_TOKEN": "secret"}) as process:
        url = process.url()
        process.until("ready")
        document = httpx.get(f"{url}/openapi.json").json()
        (tmp_path / "openapi.json").write_text(json.dumps(checkable(document)))
        phases = ["--phases", "examples,coverage,fuzzing"]
        options = ["--url", url, "--max-examples", "3", "--seed", "1", "--no-color", *phases]
        arguments = [program, "--config-file", "schemathesis.toml", "run", "openapi.json", *options]
        result = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        live = httpx.get(f"{url}/health").status_code
    assert result.returncode == 0, result.stdout[-5000:]
    assert live == 200
    assert [line for line in process.output if '"ERROR"' in line] == []


def declared(version: ModelVersion, **changes: Any) -> Metadata:
    """The shipped model's metadata with changes."""
    return Metadata.model_validate({**version.metadata.model_dump(), "preprocessing": None, **changes})


def spec(name: str, datatype: str, *sizes: int) -> TensorSpec:
    return TensorSpec(name=name, datatype=Datatype(datatype), shape=(-1, *sizes))


def test_a_model_with_several_inputs_takes_them_by_name(digits: ModelVersion) -> None:
    metadata = declared(digits, inputs=[spec("a", "FP32", 2), spec("b", "INT8", -1)])
    assert schemas.predict_example(metadata) == {"inputs": {"a": [[0.0, 0.0]], "b": [[0]]}}
    assert [tensor["shape"] for tensor in schemas.infer_example(metadata)["inputs"]] == [[1, 2], [1, 1]]


@pytest.mark.parametrize(
    ("datatype", "expected"),
    [
        ("BOOL", {"type": "boolean"}),
        ("BYTES", {"type": "string"}),
        ("UINT8", {"type": "integer", "minimum": 0, "maximum": 255}),
        ("FP16", {"type": "number", "minimum": -65504.0, "maximum": 65504.0}),
    ],
)
def test_an_element_has_its_types_limits(datatype: str, expected: dict[str, Any]) -> None:
    assert schemas.element(Datatype(datatype)) == expected


def test_an_example_that_nobody_would_read_is_left_out(digits: ModelVersion) -> None:
    metadata = declared(digits, inputs=[spec("image", "FP32", 3, 224, 224)])
    assert (schemas.predict_example(metadata), schemas.infer_example(metadata)) == (None, None)


def test_what_a_hook_reads_is_not_described(digits: ModelVersion) -> None:
    metadata = declared(digits, hook_sha256="0" * 64)
    assert (schemas.predict(metadata, 8), schemas.predict_example(metadata)) == ({}, None)
