"""Real lines of the real server through a real Fluent Bit, with the pipeline that the component gives it."""

import gzip
import json
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from infra.clusters.eks.pod_logs import log_group
from infra.clusters.eks.pod_logs import output as cloudwatch_output
from infra.monitoring.alerts.telemetry import RECORDS_DROPPED
from infra.monitoring.logging.loki import loki_store
from infra.settings.logs import LokiSettings
from tests.loopback import Loopback, Request, Response
from tests.monitoring import server_lines
from tests.monitoring.fluent_bit import AT, SECRET, Kept, binary, container, fluent_bit, pushed
from tests.processes import HOST, free_port, until

pytestmark = pytest.mark.slow

POD, CONTAINER = "model-server-stable-7d9f8b6c5-x2x4z", "model-server"
OTHERS = "text of another program: größe 3 < 4"
LABELS = {"cluster": "eks", "environment": "test"}
LOKI = LokiSettings.model_validate(
    {"url": "https://loki.example.com", "tenant": "ml", "basicAuth": {"userName": "shop", "password": "loki"}}
)


@dataclass(frozen=True)
class Delivery:
    """What was written, and what arrived where Loki should be."""

    lines: Sequence[str]
    requests: Sequence[Request]

    @property
    def kept(self) -> list[Kept]:
        """Every line that was taken."""
        return [kept for request in self.requests[1:] for kept in pushed(request)]

    @property
    def ours(self) -> list[Kept]:
        """The model server's."""
        return [kept for kept in self.kept if kept.around.get("pod") == POD]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    binary()
    return [*server_lines.written(tmp_path_factory.mktemp("life")), *server_lines.made_up()]


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> Delivery:
    """All that the node has, into a Loki that refuses the first push."""
    folder = tmp_path_factory.mktemp("node")
    container(folder, POD, "serving", CONTAINER, lines)
    claim = {"namespace_name": "serving", "pod_name": POD}
    liar = json.dumps({"message": "x", "n": 1, "level": "info", "kubernetes": claim})
    odd = json.dumps({"message": "odd", "time": "yesterday"})
    container(folder, "other-1", "others", "main", [OTHERS, liar, odd])
    container(folder, "fluent-bit-abcde", "monitoring", "fluent-bit", ["a complaint of its own"])
    refusals = iter([Response(status=503)])
    with Loopback(lambda _: next(refusals, Response(status=204))) as loki:
        found = Delivery(lines, loki.requests)
        output = loki_store(LOKI, LABELS, "copied").output
        with fluent_bit(folder, output, loki.url) as process:
            wanted = len(lines) + 3
            until(lambda: len(found.kept) >= wanted, f"{wanted} lines", processes=[process])
    return found


def entries(kept: Sequence[Kept]) -> list[dict[str, Any]]:
    """Each line with what Loki keeps beside it, as a search finds both."""
    return [
        {**json.loads(each.line), **{key: each.around[key] for key in ("level", "trace_id") if key in each.around}}
        for each in kept
    ]


def test_every_field_of_every_line_arrives_with_its_type_and_none_twice(delivery: Delivery) -> None:
    def ordered(found: Sequence[dict[str, Any]]) -> list[str]:
        return sorted(json.dumps(entry, sort_keys=True) for entry in found)

    assert ordered(entries(delivery.ours)) == ordered([json.loads(line) for line in delivery.lines])


def test_a_line_has_the_time_at_which_it_was_logged(delivery: Delivery) -> None:
    logged = [datetime.fromisoformat(json.loads(kept.line)["time"]) for kept in delivery.ours]

    assert [kept.at for kept in delivery.ours] == [round(at.timestamp() * 1_000_000) * 1000 for at in logged]


def test_labels_say_whose_a_line_is_and_nothing_of_many_values(delivery: Delivery) -> None:
    streams = [
        stream["stream"]
        for request in delivery.requests
        for stream in json.loads(gzip.decompress(request.body))["streams"]
    ]

    assert {tuple(sorted(stream)) for stream in streams} == {("cluster", "container", "environment", "namespace")}
    assert {(stream["namespace"], stream["container"]) for stream in streams} == {
        ("serving", CONTAINER),
        ("others", "main"),
    }


def test_a_failed_request_is_found_by_its_trace(delivery: Delivery) -> None:
    (failed,) = [kept for kept in delivery.ours if kept.around.get("trace_id") == server_lines.TRACE_ID]

    assert failed.around["level"] == "WARNING"
    assert json.loads(failed.line)["duration_seconds"] > 0


def test_text_stays_text_and_keeps_the_time_of_the_node(delivery: Delivery) -> None:
    (text,) = [kept for kept in delivery.kept if kept.line == OTHERS]

    assert text.at == int(AT.timestamp()) * 10**9
    assert text.around["pod"] == "other-1"


def test_a_time_of_another_form_is_no_time(delivery: Delivery) -> None:
    (odd,) = [kept for kept in delivery.kept if '"odd"' in kept.line]

    assert json.loads(odd.line) == {"message": "odd", "time": "yesterday"}
    assert odd.at == int(AT.timestamp()) * 10**9


def test_a_line_cannot_say_that_it_is_anothers(delivery: Delivery) -> None:
    (liar,) = [kept for kept in delivery.kept if kept.around.get("level") == "info"]

    assert (liar.around["namespace"], liar.around["pod"]) == ("others", "other-1")
    assert json.loads(liar.line) == {"message": "x", "n": 1}


def test_words_can_be_searched_for_as_they_are_written(delivery: Delivery) -> None:
    assert any("日本" in kept.line for kept in delivery.ours)


def test_its_own_complaints_go_nowhere(delivery: Delivery) -> None:
    assert not [kept for kept in delivery.kept if "complaint" in kept.line]


def test_it_comes_as_who_it_is_and_says_no_secret(delivery: Delivery) -> None:
    (headers,) = {
        (request.path, request.headers["x-scope-orgid"], request.headers["authorization"].partition(" ")[0])
        for request in delivery.requests
    }
    content = b"".join(gzip.decompress(request.body) for request in delivery.requests).decode()

    assert headers == ("/loki/api/v1/push", "ml", "Basic")
    for secret in (server_lines.TOKEN, server_lines.SENT, SECRET):
        assert secret not in content


def test_after_a_restart_no_line_comes_twice_and_namespaces_are_kept_to(tmp_path: Path) -> None:
    output = loki_store(LOKI, LABELS, "copied").output
    with Loopback(lambda _: Response(status=204)) as loki:
        for text in ("first", "second"):
            container(tmp_path, text, "serving", "main", [text])
            container(tmp_path, text, "elsewhere", "main", ["not wanted"])
            with fluent_bit(tmp_path, output, loki.url, ["serving"]) as process:
                until(lambda wanted=text: wanted in [kept.line for kept in _all(loki)], text, processes=[process])

        assert [kept.line for kept in _all(loki)] == ["first", "second"]


def _all(loki: Loopback) -> list[Kept]:
    return [kept for request in loki.requests for kept in pushed(request)]


def test_lines_that_the_store_refuses_for_good_are_counted_by_the_name_that_the_alert_has(tmp_path: Path) -> None:
    output, port = loki_store(LOKI, LABELS, "copied").output, free_port()

    def lost() -> bool:
        told = httpx.get(f"http://{HOST}:{port}/api/v2/metrics/prometheus").text
        return re.search(rf'(?m)^{RECORDS_DROPPED}\{{name="loki.0"\}} 2$', told) is not None

    container(tmp_path, POD, "serving", "main", ["one", "two"])
    with (
        Loopback(lambda _: Response(status=400)) as loki,
        fluent_bit(tmp_path, output, loki.url, port=port) as process,
    ):
        until(lost, "lines that are lost", processes=[process])


def test_cloudwatch_gets_whole_lines_in_a_stream_for_each_container(tmp_path: Path, lines: list[str]) -> None:
    container(tmp_path, POD, "serving", CONTAINER, lines)
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = tmp_path / "own.pem"
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(own)
    tls.load_cert_chain(own)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trusted = {"tls.ca_file": str(tmp_path / "ca.pem")}
    output = {**cloudwatch_output("eu-west-1", log_group("platform")), **trusted}
    taken = Response(headers={"x-amzn-RequestId": "1"}, body=b'{"nextSequenceToken": "1"}')
    with Loopback(lambda _: taken, tls) as cloudwatch:
        with fluent_bit(tmp_path, output, cloudwatch.url) as process:
            until(lambda: len(_events(cloudwatch)) >= len(lines), "lines", processes=[process])
        targets = {request.headers["x-amz-target"].partition(".")[2] for request in cloudwatch.requests}
        streams = {_stream(request) for request in cloudwatch.requests}
        events = _events(cloudwatch)

    assert targets == {"CreateLogStream", "PutLogEvents"}
    assert streams == {(log_group("platform"), f"serving.{POD}.{CONTAINER}")}
    wanted = sorted(json.dumps(json.loads(line), sort_keys=True) for line in lines)
    assert sorted(json.dumps(_without_pod(event), sort_keys=True) for event in events) == wanted


def _stream(request: Request) -> tuple[str, str]:
    body = json.loads(request.body)
    return body["logGroupName"], body["logStreamName"]


def _events(cloudwatch: Loopback) -> list[dict[str, Any]]:
    puts = [request for request in cloudwatch.requests if request.headers["x-amz-target"].endswith("PutLogEvents")]
    return [json.loads(event["message"]) for request in puts for event in json.loads(request.body)["logEvents"]]


def _without_pod(event: dict[str, Any]) -> dict[str, Any]:
    assert event["kubernetes"]["pod_name"] == POD
    return {key: value for key, value in event.items() if key != "kubernetes"}
