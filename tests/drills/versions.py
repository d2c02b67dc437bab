"""Versions of the shipped model whose answers tell them apart, and the questions that go with them."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from inference_app import repository
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from tests.drills.client import Question

NAME = "digits"
LABELS = 10


def write(root: Path, count: int = 2) -> list[ModelVersion]:
    """A repository with versions "1" to `count`, the first active; what "1" calls 3, "2" calls 4 and so on."""
    shutil.copytree(Settings().model_repository / NAME, root / NAME)
    first = repository.find(root, NAME, "1")
    return [first, *(_turned(first, by) for by in range(1, count))]


def found(root: Path) -> list[ModelVersion]:
    """The active version of a repository, alone."""
    return [repository.find(root, NAME)]


def _turned(first: ModelVersion, by: int) -> ModelVersion:
    directory = first.directory.with_name(str(1 + by))
    shutil.copytree(first.directory, directory)
    model = onnx.ModelProto.FromString(first.model_path.read_bytes())
    turn(model.graph, by)
    content = model.SerializeToString()
    (directory / first.model_path.name).write_bytes(content)
    changes = {
        "version": directory.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "samples": (),
    }
    repository.write(directory / "metadata.json", first.metadata.model_copy(update=changes))
    golden = _golden(first)
    golden["outputs"] = {
        name: [[row[(label - by) % LABELS] for label in range(LABELS)] for row in rows]
        for name, rows in golden["outputs"].items()
    }
    (directory / first.metadata.golden.file).write_text(json.dumps(golden))
    return repository.read(directory)


def turn(graph: onnx.GraphProto, by: int) -> None:
    """Move each label's probability `by` labels on."""
    output = graph.output[0].name
    for node in graph.node:
        node.output[:] = ["unturned" if name == output else name for name in node.output]
    order = [(label - by) % LABELS for label in range(LABELS)]
    graph.initializer.append(helper.make_tensor("order", TensorProto.INT64, [LABELS], order))
    graph.node.append(helper.make_node("Gather", ["unturned", "order"], [output], axis=1))


def questions(versions: Iterable[ModelVersion]) -> list[Question]:
    """The golden examples as JSON for `/predict`; an answer must be what its version's golden output says."""
    goldens = {version.metadata.version: _golden(version) for version in versions}
    images = next(iter(goldens.values()))["inputs"]["image"]
    return [
        _question(image, {name: golden["outputs"]["probabilities"][row] for name, golden in goldens.items()})
        for row, image in enumerate(images)
    ]


def _question(image: Any, expected: Mapping[str, list[float]]) -> Question:
    def judge(headers: HTTPMessage, content: bytes) -> str | None:
        del headers
        answer = json.loads(content)
        wanted = expected.get(answer["version"])
        return answer["version"] if wanted and _fits(answer["predictions"], wanted) else None

    return Question(body=json.dumps(image).encode(), judge=judge)


def _fits(predictions: list[dict[str, Any]], wanted: list[float]) -> bool:
    (prediction,) = predictions
    named = {int(each["label"]): each["confidence"] for each in prediction["top_k"]}
    return all(abs(confidence - wanted[label]) < 1e-3 for label, confidence in named.items()) and int(
        prediction["label"]
    ) == wanted.index(max(wanted))


def _golden(version: ModelVersion) -> dict[str, Any]:
    return json.loads((version.directory / version.metadata.golden.file).read_bytes())
