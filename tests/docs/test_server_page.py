import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from inference_app.http.app import create_app
from inference_app.metrics import Metrics
from inference_app.models import Models
from inference_app.preprocessing import hook
from inference_app.preprocessing.declarations import DetectorDeclaration, Postprocessing, Preprocessing, Sha256
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from inference_app.tensors import Datatype, TensorSpec
from tests.docs.page import SERVER_PAGE, blocks, examples
from tests.inference_app.clients.conftest import Run

ROOT = SERVER_PAGE.parents[1]
END = "\x1e"


class Declared(BaseModel):
    """The parts of a metadata.json that the page shows."""

    model_config = ConfigDict(extra="forbid")

    preprocessing: Preprocessing | None = None
    postprocessing: Postprocessing | None = None
    hook_sha256: Sha256 | None = None
    detector: DetectorDeclaration | None = None


def shown(outputs: str) -> re.Pattern[str]:
    """What a page's output stands for, in which `...` is anything."""
    return re.compile(".*".join(map(re.escape, outputs.split("..."))), re.DOTALL)


def in_place(text: str, addresses: dict[str, str]) -> str:
    for said, real in addresses.items():
        text = text.replace(said, real)
    return text


@pytest.mark.slow
def test_every_command_gives_what_the_page_shows(addresses: dict[str, str]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is needed: install your system's package of that name")
    commands, outputs = zip(*examples(SERVER_PAGE), strict=True)
    script = "".join(f"{in_place(command, addresses)}\nprintf '{END}'\n" for command in commands)
    script = script.replace("curl ", "curl --silent --show-error ").replace(".venv/bin/python", sys.executable)

    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=100)

    given = [output.strip() for output in done.stdout.split(END)[:-1]]
    assert len(given) == len(commands) > 10
    for command, expected, actual in zip(commands, outputs, given, strict=True):
        assert shown(expected).fullmatch(actual), f"{command}\n{actual}\n{done.stderr}"


@pytest.mark.slow
def test_the_grpc_client_gets_an_answer(run: Run, addresses: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    (client,) = [block for block in blocks(SERVER_PAGE, "python") if "tritonclient" in block]
    script.write_text(in_place(client, addresses), encoding="utf-8")

    assert run(str(script)) == 1


def test_every_declaration_is_one_that_the_server_reads() -> None:
    shown = [json.loads(block) for block in blocks(SERVER_PAGE, "json")]
    declared = [Declared.model_validate(block) for block in shown if "EntryPoint" not in block]

    kinds = {part.kind for each in declared for part in (each.preprocessing, each.postprocessing) if part}
    assert kinds == {"image", "text", "features", "labels", "embedding"}
    assert any(each.detector for each in declared)
    assert any(each.hook_sha256 for each in declared)


def test_the_hook_returns_what_its_model_takes(digits: ModelVersion, tmp_path: Path) -> None:
    (source,) = [block for block in blocks(SERVER_PAGE, "python") if "def preprocess" in block]
    (tmp_path / "preprocess.py").write_text(source, encoding="utf-8")
    metadata = digits.metadata.model_copy(
        update={
            "inputs": (TensorSpec(name="window", datatype=Datatype.FP32, shape=(-1, 16)),),
            "hook_sha256": hashlib.sha256(source.encode()).hexdigest(),
        }
    )

    preprocess = hook.load(ModelVersion(tmp_path, metadata))

    body = json.dumps({"readings": list(range(20))}).encode()
    assert preprocess(body, "application/json")["window"].tolist() == [[float(number) for number in range(4, 20)]]


def test_every_path_of_the_api_is_on_the_page() -> None:
    settings = Settings()
    document: dict[str, Any] = create_app(Models([], settings, Metrics()), settings).openapi()
    page = SERVER_PAGE.read_text(encoding="utf-8")
    table = page[page.index("## Endpoints") : page.index("### `/predict`")]

    paths = {path.replace("/versions/{version}", "") for path in document["paths"]}
    assert len(paths) > 15
    assert [path for path in sorted(paths) if f"{path}`" not in table] == []
