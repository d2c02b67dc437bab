"""Traces from a real server, through the stack's collector, into the stack's Jaeger."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference_app.contract import Env
from inference_app.process import ServerProcess
from inference_app.settings import Settings
from infra.monitoring.alerts import telemetry
from infra.monitoring.tracing import collector
from infra.serving import pod
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings
from tests.drills import versions
from tests.monitoring.trace_store import TraceStore
from tests.processes import until

pytestmark = pytest.mark.slow

MODEL = ModelSettings.model_validate({"name": "digits", "batching": {}}, strict=False)
SERVING = ServingSettings.model_validate({"gpus": 0, "tracing": {"sampleRatio": 0}}, strict=False)
QUESTIONS = versions.questions(versions.found(Settings().model_repository))
ID = "4bf92f3577b34da6a3ce929d0e0e473{}"
CALLER = "00f067aa0ba902b7"
SPANS_SENT = "otelcol_exporter_sent_spans_total"
STAGES = ["preprocess", "batch.wait", "model_forward", "postprocess"]


@pytest.fixture
def store(tmp_path: Path) -> TraceStore:
    return TraceStore(tmp_path)


def server(store: TraceStore) -> ServerProcess:
    """One that traces as the stack's settings say, but sooner."""
    told = pod.environment(MODEL, SERVING.traced_to(collector.URL))
    assert told[Env.OTEL_EXPORTER_OTLP_ENDPOINT] == collector.URL
    traced = {name: value for name, value in told.items() if name.startswith("OTEL_")}
    return ServerProcess({**traced, Env.OTEL_EXPORTER_OTLP_ENDPOINT: store.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50"})


def ask(process: ServerProcess, trace: str) -> int:
    """The status of a request that its caller traces."""
    headers = {"Content-Type": "application/json", "traceparent": f"00-{trace}-{CALLER}-01"}
    (question, *_) = QUESTIONS
    return httpx.post(process.url() + question.path, content=question.body, headers=headers, timeout=20).status_code


def whole(store: TraceStore, trace: str) -> list[dict[str, Any]]:
    """A request's spans, once Jaeger has them all."""

    def found() -> list[dict[str, Any]] | None:
        spans = store.spans(trace)
        return spans if len(spans) > len(STAGES) else None

    return until(found, f"trace {trace} in Jaeger", 60)


def test_a_request_is_found_in_jaeger_below_its_caller_with_its_stages_and_what_they_were(store: TraceStore) -> None:
    trace = ID.format(1)
    with store.jaeger(), store.collector(), server(store) as process:
        process.until("ready")
        status = ask(process, trace)
        spans = whole(store, trace)
        until(lambda: counted(store, SPANS_SENT) == len(spans), "count of the spans that the collector sent")
        refused = counted(store, telemetry.SPANS_REFUSED)
    by_name = {span["operationName"]: span for span in spans}
    request = by_name["POST /predict"]
    tags = {tag["key"]: tag["value"] for tag in request["tags"]}
    stages = [by_name[name] for name in STAGES]

    assert status == 200
    assert {span["traceID"] for span in spans} == {trace}
    assert {span["service"] for span in spans} == {"inference-platform"}
    assert parents(request) == [CALLER]
    assert [parents(stage) for stage in stages] == [[request["spanID"]]] * len(STAGES)
    assert [stage["startTime"] for stage in stages] == sorted(stage["startTime"] for stage in stages)
    assert all(0 <= stage["duration"] <= request["duration"] for stage in stages)
    assert (tags["inference.model"], tags["http.response.status_code"], tags["span.kind"]) == ("digits", 200, "server")
    assert refused == 0


def counted(store: TraceStore, metric: str) -> int:
    """One of the collector's counters, over all its labels; -1 where it tells of none."""
    found = re.findall(rf"(?m)^{metric}\{{.*\}} (\d+)$", httpx.get(store.metrics).text)
    return sum(map(int, found)) if found else -1


def parents(span: dict[str, Any]) -> list[str]:
    """Spans that it is a child of."""
    return [reference["spanID"] for reference in span["references"] if reference["refType"] == "CHILD_OF"]


def test_what_jaeger_has_written_it_has_after_a_restart(store: TraceStore) -> None:
    trace = ID.format(2)
    with store.collector(), server(store) as process:
        process.until("ready")
        with store.jaeger():
            ask(process, trace)
            before = whole(store, trace)
        gone = store.spans(trace)
        with store.jaeger():
            after = whole(store, trace)
    by_id = [sorted(spans, key=lambda span: span["spanID"]) for spans in (before, after)]

    assert gone == []
    assert by_id[0] == by_id[1]


def test_the_collector_keeps_what_jaeger_was_not_there_for(store: TraceStore) -> None:
    trace = ID.format(3)
    with store.collector() as running, server(store) as process:
        process.until("ready")
        ask(process, trace)
        until(lambda: "Exporting failed. Will retry" in running.log.read_text(), "failed export", processes=[running])
        with store.jaeger():
            spans = whole(store, trace)

    assert {span["traceID"] for span in spans} == {trace}


def test_spans_that_are_lost_are_counted_by_the_names_that_the_alert_has(store: TraceStore) -> None:
    room = {"sizer": "items", "queue_size": 600}
    patience = {"initial_interval": "200ms", "max_interval": "200ms", "max_elapsed_time": "1s"}
    with store.collector(sending_queue=room, retry_on_failure=patience) as running:
        until(lambda: taken(store, 500), "collector that takes spans", processes=[running])
        full = taken(store, 500)
        until(lambda: counted(store, telemetry.SPANS_GIVEN_UP) == 500, "spans that are given up", 60, [running])
        refused = counted(store, telemetry.SPANS_REFUSED)

    assert (full, refused) == (False, 500)


def taken(store: TraceStore, count: int) -> bool:
    """Whether the collector has room for so many spans, and is there."""
    spans = [{"traceId": ID.format(6), "spanId": f"{number + 1:016x}", "name": "made up"} for number in range(count)]
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    try:
        return httpx.post(f"{store.endpoint}/v1/traces", json=body, timeout=20).is_success
    except httpx.TransportError:
        return False


def test_a_server_answers_without_a_collector_says_so_and_traces_again_when_there_is_one(store: TraceStore) -> None:
    lost, kept = ID.format(4), ID.format(5)
    with store.jaeger(), server(store) as process:
        process.until("ready")
        statuses = [ask(process, lost) for _ in range(20)]
        until(lambda: complaints(process), "complaint about the collector")
        told = complaints(process)
        with store.collector():
            statuses.append(ask(process, kept))
            whole(store, kept)

    assert set(statuses) == {200}
    assert 1 <= len(told) <= 10


def complaints(process: ServerProcess) -> list[str]:
    """Log lines of OpenTelemetry's."""
    entries = [json.loads(line) for line in process.output if line.startswith("{")]
    return [entry["message"] for entry in entries if entry["logger"].startswith("opentelemetry")]
