"""One server changes its model's version again and again, while clients ask in every form that answers come in."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np

from inference_app import golden
from inference_app.contract import Env, Execution, Route
from inference_app.process import ServerProcess
from inference_app.repository import ModelVersion
from inference_app.tensors import Array
from tests.drills import versions
from tests.drills.client import Load, Question
from tests.drills.drill import Change, Drill, flaws
from tests.processes import resident

SAMPLE = 10
"""Switches over which memory is measured, for it goes up and down with each; as many come before the first sample."""
MOST_GROWTH = 0.05
TOKEN = "a token of the drill"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
INFER = f"{Route.V2}/models/{versions.NAME}/infer"
HEADER_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True, kw_only=True)
class HotSwitch(Drill):
    """The drill, and by what share resident memory grew between the warm-up and the end."""

    growth: float


def hot_switch(folder: Path, execution: Execution = Execution.INLINE, count: int = 100) -> HotSwitch:
    """A server goes back and forth between two versions, so many times."""
    made = versions.write(folder / "models", 2)
    environment: dict[str, str] = {
        Env.MODEL_REPOSITORY: str(folder / "models"),
        Env.ADMIN_TOKEN: TOKEN,
        Env.EXECUTION: execution,
    }
    asked = [*versions.questions(made), *forms(made)]
    with (
        ServerProcess(environment) as server,
        httpx.Client(base_url=server.url(), headers=BEARER, timeout=60) as client,
    ):
        server.until("ready")
        with Load(server.url(), asked) as load, Change(load) as change:
            sizes = [_switched(client, server.pid, "12"[number % 2]) for number in range(1, count + 1)]
    before, after = median(sizes[SAMPLE : 2 * SAMPLE]), median(sizes[-SAMPLE:])
    growth = after / before - 1
    found = flaws(load.requests)
    if growth > MOST_GROWTH:
        found.append(f"memory grew by {growth:.1%} of {before:.0f} bytes")
    if missing := {"1", "2"} - {request.version for request in load.requests}:
        found.append(f"version {missing.pop()} has never answered")
    return HotSwitch(
        name=f"{count} switches, {execution}",
        requests=load.requests,
        began=change.began,
        ended=change.ended,
        flaws=found,
        growth=growth,
    )


def _switched(client: httpx.Client, pid: int, version: str) -> int:
    """The server's resident memory in bytes after a switch; raises `httpx.HTTPStatusError` where it fails."""
    client.post(Route.SWITCH_MODEL, json={"version": version}).raise_for_status()
    return resident(pid)


def forms(made: Sequence[ModelVersion]) -> list[Question]:
    """The golden examples in the forms beside `/predict`'s JSON: tensors as JSON and as bytes, and an answer in CSV."""
    goldens = {version.metadata.version: golden.read(version) for version in made}
    images = next(iter(goldens.values())).inputs["image"]
    asked: list[Question] = []
    for row in range(len(images)):
        example = images[row : row + 1]
        wanted = {version: each.outputs["probabilities"][row] for version, each in goldens.items()}
        asked += [_open_inference(example, wanted), _binary(example, wanted), _csv(example, wanted)]
    return asked


Wanted = Mapping[str, Array]
"""What each version makes of an example."""


def _open_inference(example: Array, wanted: Wanted) -> Question:
    def read(_: HTTPMessage, content: bytes) -> tuple[str, Any]:
        answer = json.loads(content)
        return answer["model_version"], answer["outputs"][0]["data"]

    body = {"inputs": [_tensor(example, data=example.ravel().tolist())]}
    return Question(path=INFER, body=json.dumps(body).encode(), judge=_judge(read, wanted))


def _binary(example: Array, wanted: Wanted) -> Question:
    def read(headers: HTTPMessage, content: bytes) -> tuple[str, Any]:
        length = int(headers[HEADER_LENGTH])
        return json.loads(content[:length])["model_version"], np.frombuffer(content[length:], np.float32)

    tensor = _tensor(example, parameters={"binary_data_size": example.nbytes})
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(head))}
    return Question(path=INFER, body=head + example.tobytes(), headers=headers, judge=_judge(read, wanted))


def _csv(example: Array, wanted: Wanted) -> Question:
    def read(headers: HTTPMessage, content: bytes) -> tuple[str, Any]:
        return headers["Model-Version"], [float(number) for number in content.split(b",")]

    body = json.dumps({"instances": example.tolist()}).encode()
    headers = {"Content-Type": "application/json", "Accept": "text/csv"}
    return Question(path=Route.INVOCATIONS, body=body, headers=headers, judge=_judge(read, wanted))


def _tensor(example: Array, **fields: Any) -> dict[str, Any]:
    return {"name": "image", "shape": list(example.shape), "datatype": "FP32", **fields}


def _judge(
    read: Callable[[HTTPMessage, bytes], tuple[str, Any]], wanted: Wanted
) -> Callable[[HTTPMessage, bytes], str | None]:
    def judge(headers: HTTPMessage, content: bytes) -> str | None:
        version, numbers = read(headers, content)
        return version if np.allclose(numbers, wanted[version], atol=1e-3) else None

    return judge
