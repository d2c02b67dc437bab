"""Real servers that are asked for things they have never heard of: what that leaves in their metrics."""

import json
import random
import re
import shutil
from collections.abc import Generator, Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families,  # pyright: ignore[reportUnknownVariableType] - its argument has no type
)
from prometheus_client.samples import Sample

from inference_app.contract import METRICS, ExecutionProvider, SwitchResult
from inference_app.errors import ClientDisconnected
from inference_app.grpc import open_inference_pb2 as pb
from inference_app.grpc import service
from inference_app.http.app import create_app
from inference_app.metrics import Metrics
from inference_app.models import Models
from inference_app.process import ServerProcess
from inference_app.settings import Settings
from tests.inference_app.http.wire import Wire

pytestmark = pytest.mark.slow

MARK = b"h0stile"
REQUESTS = 2000
SERIES = 800
"""Most that two models and two workers come to."""

METHODS = [b"GET", b"POST", b"POST", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PROPFIND", MARK]
PATHS = [
    b"/%b",
    b"/predict/%b",
    b"/predict?%b",
    b"/metrics?%b",
    b"/v2/models/%b/infer",
    b"/v2/models/digits/versions/%b/infer",
    b"/v2/models/%b/versions/%b/ready",
    b"/v2/repository/models/%b/load",
    b"/models/%b/invoke",
    b"http://%b/predict/%b",
]
HEADERS = [b"Host: %b", b"Content-Type: %b", b"Accept: %b", b"Authorization: Bearer %b", b"traceparent: %b", b"%b: %b"]
BODIES = [b"", b'{"inputs": "%b"}', b'{"model_name": "%b"}', b"%b"]
RPCS = ["ModelInfer", "ModelReady", "ModelMetadata", "RepositoryModelLoad", MARK.decode()]


def strange(dice: random.Random) -> bytes:
    """The mark and what else nobody has asked for: too long, no ASCII, no HTTP, or a label's own syntax."""
    junk = dice.choice([b"", dice.randbytes(5), "ä東".encode(), b'%22%7D%0A{le="1"} 1', b"x" * dice.randint(1, 9000)])
    return MARK + str(dice.random()).encode() + junk


def filled(template: bytes, dice: random.Random) -> bytes:
    return re.sub(b"%b", lambda _: strange(dice), template)


def hostile(dice: random.Random) -> bytes:
    """A request; some are no HTTP."""
    headers = [filled(header, dice) for header in dice.sample(HEADERS, 3)]
    body = filled(dice.choice(BODIES), dice)
    head = b"%b %b HTTP/1.1" % (dice.choice(METHODS), filled(dice.choice(PATHS), dice))
    return b"\r\n".join([head, b"Host: test", *headers, b"Content-Length: %d" % len(body), b"", body])


def attack(url: str, dice: random.Random) -> int:
    """Send many, each over a connection of its own; returns how many were answered."""
    answered = 0
    for _ in range(REQUESTS):
        with Wire(url) as wire, suppress(ConnectionError):
            answered += wire.send(hostile(dice)).end().rest().startswith(b"HTTP/1.1 ")
    return answered


def attack_grpc(port: int, dice: random.Random) -> int:
    """The same over gRPC; returns how many calls were refused."""
    refused = 0
    with grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
        channel: Any = opened
        for _ in range(REQUESTS // 10):
            name = strange(dice).decode("latin-1")
            content = pb.ModelInferRequest(model_name=dice.choice(["digits", name]), model_version=name)
            try:
                call = channel.unary_unary(f"/{service.NAME}/{dice.choice(RPCS)}")
                call(content.SerializeToString(), metadata=((MARK.decode(), "x"),), timeout=20)
            except grpc.RpcError:
                refused += 1
    return refused


def routes() -> set[str]:
    """All that the server has."""
    app = create_app(Models([], Settings(), Metrics()), Settings())
    calls = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name
    return {*app.state.methods, "/openapi.json", "unknown", "unread", *(f"grpc/{name}" for name in calls)}


def foreign(samples: list[Sample]) -> Iterator[tuple[str, str]]:
    """Labels and values that are not the server's own."""
    known = {
        "route": routes(),
        "code": {str(int(status)) for status in (*HTTPStatus, ClientDisconnected.status)},
        "model": {"", "digits", "second"},
        "version": {"", "1"},
        "result": set(SwitchResult),
        "execution_provider": set(ExecutionProvider),
        "worker": {"1", "2"},
        "le": {str(bound) for metric in METRICS for bound in metric.buckets} | {"0.15", "+Inf"},
    }
    for sample in samples:
        if sample.name != "inference_build_info":
            yield from ((name, value) for name, value in sample.labels.items() if value not in known.get(name, ()))


@pytest.fixture(params=[1, 2], ids=["one-worker", "two-workers"], scope="module")
def attacked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, example: list[Any]
) -> Generator[str]:
    """The OpenMetrics of a server of two models, traced, after all that."""
    repository = two_models(tmp_path_factory.mktemp("repository"))
    environment = {"MODEL_REPOSITORY": str(repository), "EXTRA_MODELS": "second", "WORKERS": str(request.param)}
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "GRPC_PORT": "0", "LATENCY_TARGET_MS": "150"}
    dice = random.Random(request.param)
    with ServerProcess({**environment, **nowhere}) as process:
        process.until("ready", times=2 * request.param)
        url, port = process.url(), process.until("listening for gRPC")["port"]
        assert attack(url, dice) > REQUESTS / 2
        assert attack_grpc(port, dice) == REQUESTS // 10
        with httpx.Client(base_url=url) as client:
            for path in ("/predict", "/predict/second", "/predict/second"):
                assert client.post(path, content=json.dumps(example)).status_code == HTTPStatus.OK
            yield client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}).text


def two_models(folder: Path) -> Path:
    """The shipped model, and it again under another name."""
    for name in ("digits", "second"):
        shutil.copytree(Settings().model_repository / "digits", folder / name)
    for path in (folder / "second").glob("*/metadata.json"):
        path.write_text(json.dumps({**json.loads(path.read_bytes()), "name": "second"}))
    return folder


def samples(text: str) -> list[Sample]:
    """All, read by the strict parser."""
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def test_hostile_requests_leave_no_label_of_their_own(attacked: str) -> None:
    assert MARK.decode() not in attacked
    assert set(foreign(samples(attacked))) == set()


def test_hostile_requests_leave_no_more_series_than_there_are_labels(attacked: str) -> None:
    found = samples(attacked)
    codes = {sample.labels["code"] for sample in found if sample.name == "inference_requests_total"}
    assert codes >= {"200", "400", "404"}
    assert len(found) <= SERIES


def test_each_model_counts_its_own_requests_alone(attacked: str) -> None:
    answered = [sample for sample in samples(attacked) if sample.labels.get("code") == "200" and sample.labels["model"]]
    counts = {(sample.labels["route"], sample.labels["model"]): sample.value for sample in answered}
    assert counts == {("/predict", "digits"): 1, ("/predict/{name}", "second"): 2}


def test_the_latency_objective_ends_a_bucket_of_every_request_duration(attacked: str) -> None:
    buckets = [sample for sample in samples(attacked) if sample.name == "inference_request_duration_seconds_bucket"]
    ends = [sample.labels["le"] for sample in buckets]
    assert ends.count("0.15") == ends.count("+Inf") > 0


def test_examples_name_traces_and_nothing_else(attacked: str) -> None:
    examples = [sample.exemplar for sample in samples(attacked) if sample.exemplar]
    assert examples
    assert [example.labels for example in examples if set(example.labels) != {"trace_id"}] == []
    assert [example for example in examples if not re.fullmatch("[0-9a-f]{32}", example.labels["trace_id"])] == []
