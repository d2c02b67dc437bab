"""A real process and a stand-in for a collector: what operators see of requests that are traced."""

import asyncio
import json
import signal
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from inference_app.grpc import open_inference_pb2 as pb
from inference_app.grpc.service import NAME
from inference_app.process import ServerProcess
from inference_app.repository import ModelVersion
from inference_app.tracing import TRACEPARENT
from tests.inference_app.collector import INTERNAL, SERVER, Collector

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
    stages = [by_name[name] for name in ("preprocess", "batch.wait", "model_forward", "postprocess")]
    request = by_name["POST /predict"]
    times = [time for stage in stages for time in (stage.start, stage.end)]
    assert (answer.status_code, len(spans)) == (200, 5)
    assert {(span.trace_id, span.service, span.failed) for span in spans} == {(f"{7:032x}", "digits", False)}
    assert (request.parent_id, request.kind) == (SPAN_ID, SERVER)
    assert {stage.parent_id for stage in stages} == {request.span_id}
    assert [request.start, *times, request.end] == sorted([request.start, *times, request.end])
    assert stages[2].attributes == {
        "inference.batch_size": 3,
        "inference.batch_requests": 1,
        "inference.request_size": 3,
        "inference.execution_provider": "CPUExecutionProvider",
    }
    assert answer.headers["traceresponse"] == f"00-{7:032x}-{request.span_id}-01"
    assert request.attributes["inference.model"] == "digits"
    assert request.attributes["http.response.status_code"] == 200


def test_an_image_waits_for_its_turn_to_be_decoded(digits: ModelVersion) -> None:
    image = (digits.directory / digits.metadata.samples[0].file).read_bytes()
    with Collector() as collector, traced(collector) as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client:
            client.post("/predict", content=image, headers=headers(7) | {"Content-Type": "image/png"})
        spans = collector.until(5)
    assert [span.name for span in spans[:4]] == ["batch.wait", "preprocess", "model_forward", "postprocess"]
    wait, preprocess, forward, _ = spans[:4]
    assert spans[4].start <= wait.start <= preprocess.start < preprocess.end <= wait.end == forward.start


async def test_a_model_call_for_several_requests_is_a_span_linked_with_those_that_are_sampled(
    example: list[Any],
) -> None:
    with Collector() as collector, traced(collector, MAX_BATCH_DELAY_MS="300") as process:
        process.until("ready")
        async with httpx.AsyncClient(base_url=process.url()) as client:
            sent = [headers(1), headers(2), headers(3, "00")]
            await asyncio.gather(*[client.post("/predict", content=json.dumps(example), headers=each) for each in sent])
        spans = collector.until(11)
    (batch,) = [span for span in spans if span.name == "batch"]
    forward = [span for span in spans if span.name == "model_forward"]
    sizes = {
        "inference.batch_size": 3,
        "inference.batch_requests": 3,
        "inference.execution_provider": "CPUExecutionProvider",
    }
    assert sorted(batch.links) == sorted(span.span_id for span in spans if span.kind == SERVER)
    assert [span.links for span in forward] == [(batch.span_id,)] * 2
    assert [span.attributes for span in forward] == [{**sizes, "inference.request_size": 1}] * 2
    assert batch.attributes == {**sizes, "inference.model": "digits", "inference.model_version": "1"}
    assert (batch.parent_id, batch.kind, len({span.trace_id for span in spans})) == ("", INTERNAL, 3)
    assert {(batch.start, batch.end)} == {(span.start, span.end) for span in forward}


def test_a_grpc_call_becomes_the_same_spans_and_tells_its_caller_the_trace(example: list[Any]) -> None:
    tensor = pb.ModelInferRequest.InferInputTensor(name="image", datatype="FP32", shape=[1, 8, 8, 1])
    tensor.contents.fp32_contents.extend(np.ravel(example).tolist())
    request = pb.ModelInferRequest(model_name="digits", inputs=[tensor])
    with Collector() as collector, traced(collector, GRPC_PORT="0") as process:
        process.until("ready")
        port = process.until("listening for gRPC")["port"]
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            calls: Any = channel
            method = calls.unary_unary(f"/{NAME}/ModelInfer", pb.ModelInferRequest.SerializeToString)
            _, call = method.with_call(request, metadata=[("traceparent", f"00-{7:032x}-{SPAN_ID}-01")])
        spans = collector.until(5)
    *stages, entry = spans
    assert [span.name for span in stages] == ["preprocess", "batch.wait", "model_forward", "postprocess"]
    assert {span.parent_id for span in stages} == {entry.span_id}
    assert (entry.name, entry.parent_id, entry.trace_id) == (f"{NAME}/ModelInfer", SPAN_ID, f"{7:032x}")
    assert (entry.attributes["inference.model"], entry.attributes["inference.model_version"]) == ("digits", "1")
    assert dict(call.trailing_metadata())["traceresponse"] == f"00-{7:032x}-{entry.span_id}-01"


def test_a_state_in_several_headers_is_one_and_baggage_is_not_looked_at(example: list[Any]) -> None:
    sent = [*headers(7).items(), ("tracestate", "a=1"), ("tracestate", "b=2"), ("baggage", "user=someone")]
    with Collector() as collector, traced(collector) as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client:
            client.post("/predict", content=json.dumps(example), headers=sent)
        spans = collector.until(5)
    assert spans[-1].state == "a=1, b=2"
    assert "someone" not in repr(spans)


def test_an_answer_names_its_trace_only_where_there_is_one(example: list[Any]) -> None:
    with Collector() as collector, traced(collector) as process:
        process.until("ready")
        with httpx.Client(base_url=process.url()) as client:
            sent = [(json.dumps(example), "00"), (json.dumps(example), "01"), ("[]", "01")]
            answers = [client.post("/predict", content=body, headers=headers(7, flags)) for body, flags in sent]
    assert [answer.status_code for answer in answers] == [200, 200, 400]
    assert ["traceresponse" in answer.headers for answer in answers] == [False, True, True]
    assert TRACEPARENT.fullmatch(answers[1].headers["traceresponse"].encode())


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
    assert failures == dict.fromkeys(("batch.wait", "POST /predict"), answer.json()["error"])
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
