"""Other people's clients in an environment of their own, and a server with a model that speaks every datatype."""

import hashlib
import json
import runpy
import shutil
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper

from inference_app.process import ServerProcess
from inference_app.repository import ModelVersion
from tests.environments import environment

SCRIPTS = Path(__file__).parent / "scripts"
TOKEN = "secret"

ONNX_TYPES = {"BYTES": "STRING", "FP16": "FLOAT16", "FP32": "FLOAT", "FP64": "DOUBLE"}
"""Where ONNX's name is another than the protocol's."""

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def echo_values() -> dict[str, list[list[Any]]]:
    """What the clients send, by datatype."""
    return runpy.run_path(str(SCRIPTS / "echo_values.py"))["VALUES"]


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a script with its arguments where the clients are installed; what it printed."""
    python = environment("clients", SCRIPTS / "requirements.txt") / "python"

    def call(script: str, *arguments: str) -> dict[str, Any]:
        done = subprocess.run([python, SCRIPTS / script, *arguments], capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture(scope="session")
def server_process(
    digits: ModelVersion, echo_values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Generator[ServerProcess]:
    """A server of `digits` and `echo` over HTTP and gRPC."""
    repository = tmp_path_factory.mktemp("repository")
    shutil.copytree(digits.directory.parent, repository / "digits")
    _write_echo(repository / "echo", echo_values)
    environment = {
        "MODEL_REPOSITORY": str(repository),
        "EXTRA_MODELS": "echo",
        "GRPC_PORT": "0",
        "ADMIN_TOKEN": TOKEN,
    }
    with ServerProcess(environment) as process:
        process.until("ready")
        yield process


def _write_echo(directory: Path, values: dict[str, Any]) -> None:
    """A model with an input of each datatype, which it gives back."""
    version = directory / "1"
    version.mkdir(parents=True)
    content = _identity(list(values)).SerializeToString()
    (version / "model.onnx").write_bytes(content)
    golden = {
        "inputs": values,
        "outputs": {f"{name}_OUT": value for name, value in values.items()},
    }
    (version / "golden.json").write_text(json.dumps(golden))
    metadata = {
        "name": "echo",
        "version": "1",
        "created": "2026-01-01T00:00:00Z",
        "framework": "onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "inputs": [{"name": name, "datatype": name, "shape": [-1, 2]} for name in values],
        "outputs": [{"name": f"{name}_OUT", "datatype": name, "shape": [-1, 2]} for name in values],
        "golden": {"file": "golden.json", "tolerance": 1e-9},
    }
    (version / "metadata.json").write_text(json.dumps(metadata))
    (directory / "active.json").write_text(json.dumps({"version": "1"}))


def _identity(names: list[str]) -> onnx.ModelProto:
    types = {name: onnx.TensorProto.DataType.Value(ONNX_TYPES.get(name, name)) for name in names}
    inputs = [helper.make_tensor_value_info(name, kind, ["n", 2]) for name, kind in types.items()]
    outputs = [helper.make_tensor_value_info(f"{name}_OUT", kind, ["n", 2]) for name, kind in types.items()]
    nodes = [helper.make_node("Identity", [name], [f"{name}_OUT"]) for name in names]
    graph = helper.make_graph(nodes, "echo", inputs, outputs)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
