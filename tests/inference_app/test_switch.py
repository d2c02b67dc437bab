"""Switching a model's version on real processes, under load."""

import hashlib
import shutil
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import onnx
import pytest
from onnx import TensorProto, helper

from inference_app import repository
from inference_app.contract import Env, Execution, Route
from inference_app.process import ServerProcess
from inference_app.repository import ModelVersion
from tests.drills import versions
from tests.drills.client import Load
from tests.drills.drill import PASSED, Change, flaws, p99
from tests.drills.hot_switch import BEARER, TOKEN, hot_switch

pytestmark = pytest.mark.slow

RATE = 200
"""Requests per second."""
NODES = 1000
"""Of a graph that takes ONNX Runtime a second or so to load, since its optimizers look at every node many times."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[ModelVersion]:
    """Versions 1 and 2; "damaged" and "untrue" which must not be served, and "slow", which takes long to load."""
    made = versions.write(tmp_path_factory.mktemp("switch") / "models", 2)
    again(made[0], "damaged", lambda model: model.graph.node[-1].ClearField("output"), is_declared=False)
    again(made[0], "untrue", lambda model: versions.turn(model.graph, 1))
    again(made[0], "slow", burden)
    return made


@pytest.fixture(scope="module")
def admin(made: list[ModelVersion]) -> Generator[httpx.Client]:
    """A server of theirs, and a client that has its token."""
    root = made[0].directory.parent.parent
    with ServerProcess({Env.MODEL_REPOSITORY: str(root), Env.ADMIN_TOKEN: TOKEN}) as process:
        process.until("ready")
        with httpx.Client(base_url=process.url(), headers=BEARER, timeout=60) as client:
            yield client


def again(
    version: ModelVersion, name: str, change: Callable[[onnx.ModelProto], Any], *, is_declared: bool = True
) -> None:
    """A copy of a version with a change to its model, which its metadata knows of or not."""
    target = version.directory.with_name(name)
    shutil.copytree(version.directory, target)
    model = onnx.ModelProto.FromString(version.model_path.read_bytes())
    change(model)
    content = model.SerializeToString()
    (target / "model.onnx").write_bytes(content)
    known = {"sha256": hashlib.sha256(content).hexdigest()} if is_declared else {}
    repository.write(target / "metadata.json", version.metadata.model_copy(update={"version": name, **known}))


def burden(model: onnx.ModelProto) -> None:
    """A long chain of nodes that adds 0 to the output."""
    output = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["chain_0" if name == output else name for name in node.output]
    model.graph.initializer.append(helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]))
    model.graph.node.extend(
        [
            *(helper.make_node("Sin", [f"chain_{number}"], [f"chain_{number + 1}"]) for number in range(NODES)),
            helper.make_node("Mul", [f"chain_{NODES}", "zero"], ["nothing"]),
            helper.make_node("Add", ["chain_0", "nothing"], [output]),
        ]
    )


def switch(client: httpx.Client, version: str) -> httpx.Response:
    """Ask for a version of the default model."""
    return client.post(Route.SWITCH_MODEL, json={"version": version})


def served(client: httpx.Client) -> str:
    """The version that answers."""
    return client.get(Route.READY).json()["models"][versions.NAME]


@pytest.mark.parametrize("execution", [Execution.INLINE, Execution.THREADS])
def test_a_hundred_switches_fail_no_request_and_keep_no_memory(
    tmp_path: Path, execution: Execution, record_testsuite_property: Callable[[str, object], None]
) -> None:
    drill = hot_switch(tmp_path, execution)
    for name, figure in {**drill.figures(), "memory growth": drill.growth}.items():
        record_testsuite_property(f"{drill.name}: {name}", figure)
    assert drill.verdict == PASSED


@pytest.mark.parametrize(
    ("version", "status", "reason"),
    [
        ("damaged", 422, "SHA-256"),
        ("untrue", 422, "golden output probabilities differs"),
        ("absent", 404, "MODEL_VERSION absent is not in"),
    ],
)
def test_a_version_that_cannot_be_served_is_refused_with_its_reason(
    admin: httpx.Client, example: list[Any], metric: Callable[..., float], version: str, status: int, reason: str
) -> None:
    before, failed = served(admin), metric(admin, "inference_model_switches_total", result="failed")
    answer = switch(admin, version)
    assert (answer.status_code, reason in answer.json()["error"]) == (status, True)
    assert admin.post(Route.PREDICT, json=example).json()["version"] == served(admin) == before
    assert metric(admin, "inference_model_switches_total", result="failed") == failed + 1


def test_the_metrics_name_the_version_that_answers(admin: httpx.Client, metric: Callable[..., float]) -> None:
    info, counts = "inference_model_info", "inference_model_load_duration_seconds_count"
    loads = metric(admin, counts)
    previous, wanted = served(admin), "2" if served(admin) == "1" else "1"
    answer = switch(admin, wanted).json()
    assert (answer["model"], answer["version"], answer["previous"]) == (versions.NAME, wanted, previous)
    assert [metric(admin, info, version=version) for version in (wanted, previous)] == [1, 0]
    assert metric(admin, counts) == loads + 1


def test_of_two_switches_at_once_one_is_a_conflict(admin: httpx.Client) -> None:
    switch(admin, "1").raise_for_status()
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(switch, [admin, admin], ["slow", "slow"]))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert served(admin) == "slow"


def test_requests_do_not_wait_for_a_model_that_takes_long_to_load(
    admin: httpx.Client, made: list[ModelVersion], record_testsuite_property: Callable[[str, object], None]
) -> None:
    switch(admin, "1").raise_for_status()
    questions = versions.questions([*made, repository.read(made[0].directory.with_name("slow"))])
    with Load(str(admin.base_url), questions, rate=RATE) as load, Change(load) as change:
        seconds = switch(admin, "slow").raise_for_status().json()["seconds"]
    during = [each for each in load.requests if change.began < each.sent_at < change.ended]
    record_testsuite_property("slow load: p99 during", p99(during))
    record_testsuite_property("slow load: seconds", seconds)
    assert flaws(load.requests) == []
    assert max(each.seconds for each in during) < seconds / 2
