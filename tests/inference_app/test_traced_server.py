"""A real process and a stand-in for a collector: what operators see of requests that are traced."""

import asyncio
import json
import signal
from typing import Any

import httpx
import pytest

from inference_app.process import ServerProcess
from tests.inference_app.collector import SERVER, Collector

pytestmark = pytest.mark.slow
JSON = {"Content-Type": "application/json"}
SPAN_ID = "00f067aa0ba902b7"
FLUSH_SOON, FLUSH_NEVER = {"OTEL_BSP_SCHEDULE_DELAY": "50"}, {"OTEL_BSP_SCHEDULE_DELAY": "600000"}


def headers(number: int, flags: str = "01") -> dict[str, str]:
    """Those of a request in the trace of that number."""
    return {**JSON, "traceparent": f"00-{number:032x}-{SPAN_ID}-{flags}"}


def traced(collector: Collector, **environment: str) -> ServerProcess:
    return ServerProcess({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, **FLUSH_SOON, **environment})


def complaints(process: ServerProcess) -> list[dict[str, Any]]:
    """Log lines of libraries."""
    entries = [json.loads(line) for line in process.output if line.startswith("{")]
    return [entry for entry in entries if not entry["logger"].startswith("inference_app")]


def test_a_sampled_request_becomes_five_spans_below_its_callers(example: list[Any]) -> None:
    with Collector() as collector, traced(collector, OTEL_SERVICE_NAME="digits") as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client:
            answer = client.post("/predict", content=json.dumps([example] * 3), headers=headers(7))
        spans = collector.until(5)
    by_name = {span.name: span for span in spans}
    stages = [by_name[name] for name in ("preprocess", "queue", "model_forward", "postprocess")]
    request = by_name["POST /predict"]
    times = [time for stage in stages for time in (stage.start, stage.end)]
    assert (answer.status_code, len(spans)) == (200, 5)
    assert {(span.trace_id, span.service, span.failed) for span in spans} == {(f"{7:032x}", "digits", False)}
    assert (request.parent_id, request.kind) == (SPAN_ID, SERVER)
    assert {stage.parent_id for stage in stages} == {request.span_id}
    assert [request.start, *times, request.end] == sorted([request.start, *times, request.end])
    assert stages[2].attributes == {"inference.batch_size": 3, "inference.request_size": 3}
    assert request.attributes["inference.model"] == "digits"
    assert request.attributes["http.response.status_code"] == 200


async def test_requests_that_share_a_model_call_show_the_same_batch(example: list[Any]) -> None:
    with Collector() as collector, traced(collector, MAX_BATCH_DELAY_MS="300") as process:
        process.until("ready")
        async with httpx.AsyncClient(base_url=process.url()) as client:
            posts = [client.post("/predict", content=json.dumps(example), headers=headers(n)) for n in (1, 2)]
            await asyncio.gather(*posts)
        spans = collector.until(10)
    batches = [span.attributes for span in spans if span.name == "model_forward"]
    assert batches == [{"inference.batch_size": 2, "inference.request_size": 1}] * 2


def test_a_caller_that_does_not_sample_is_not_traced(example: list[Any]) -> None:
    with Collector() as collector, traced(collector) as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client:
            for number, flags in ((1, "00"), (2, "01")):
                client.post("/predict", content=json.dumps(example), headers=headers(number, flags))
        process.send(signal.SIGINT)
        process.wait()
    assert {span.trace_id for span in collector.spans} == {f"{2:032x}"}


def test_the_sampler_of_the_environment_decides_where_the_caller_does_not(example: list[Any]) -> None:
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    with Collector() as collector, traced(collector, **sampler) as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client:
            for sent in (JSON, headers(3)):
                client.post("/predict", content=json.dumps(example), headers=sent)
        process.send(signal.SIGINT)
        process.wait()
    assert {span.trace_id for span in collector.spans} == {f"{3:032x}"}


def test_what_is_traced_is_exported_before_the_process_ends(example: list[Any]) -> None:
    with Collector() as collector, traced(collector, **FLUSH_NEVER, DRAIN_SECONDS="0") as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client:
            client.post("/predict", content=json.dumps(example), headers=headers(7))
        before = list(collector.spans)
        process.send(signal.SIGTERM)
        code = process.wait()
    assert (code, before, len(collector.spans)) == (0, [], 5)


def test_a_request_that_came_too_late_is_traced_to_where_it_waited(example: list[Any]) -> None:
    with Collector() as collector, traced(collector, MAX_BATCH_DELAY_MS="500") as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client:
            sent = {**headers(7), "timeout": "0.05"}
            answer = client.post("/predict", content=json.dumps(example), headers=sent)
        spans = collector.until(3)
        entry = process.until("failed")
    failures = {span.name: span.reason for span in spans if span.failed}
    assert answer.status_code == 504
    assert failures == dict.fromkeys(("queue", "POST /predict"), answer.json()["error"])
    assert (entry["trace_id"], entry["route"], entry["status"]) == (f"{7:032x}", "/predict", 504)
    assert entry["reason"] == answer.json()["error"]


def test_a_wrong_request_is_traced_without_what_it_brought() -> None:
    with Collector() as collector, traced(collector) as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client:
            answer = client.post("/predict", content='{"inputs": "secret"}', headers=headers(7))
        spans = collector.until(2)
    request = spans[-1]
    assert answer.status_code == 400
    assert (request.failed, request.attributes["error.type"]) == (False, "BadRequest")
    assert "secret" not in repr(spans)


def test_a_collector_that_is_away_costs_no_request_and_few_lines(example: list[Any]) -> None:
    with Collector() as collector:
        pass
    with traced(collector) as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client:
            answers = [
                client.post("/predict", content=json.dumps(example), headers=headers(number)).status_code
                for number in range(1, 200)
            ]
        process.send(signal.SIGINT)
        code = process.wait()
    lines = complaints(process)
    assert (set(answers), code) == ({200}, 0)
    assert 1 <= len(lines) <= 10


def test_a_bucket_of_the_latency_histogram_names_a_trace(example: list[Any]) -> None:
    with Collector() as collector, traced(collector) as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client:
            client.post("/predict", content=json.dumps(example), headers=headers(7))
            accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
            text = client.get("/metrics", headers=accept).text
    buckets = [line for line in text.splitlines() if f'# {{trace_id="{7:032x}"}}' in line]
    assert [line.partition("{")[0] for line in buckets] == ["inference_request_duration_seconds_bucket"]
