"""What a collector gets of a traced request."""

import time
from collections.abc import Generator

import pytest

from inference_app.errors import BadRequest, DeadlineExceeded, InferenceError, ModelFailed, QueueFull
from inference_app.trace import ClientCall, ModelCall, note_call, span_id
from tests.inference_app.collector import CLIENT, INTERNAL, SERVER, Collector
from tests.inference_app.sampled import (
    ANSWERED,
    FINISHED,
    PARSED,
    SPAN_ID,
    STARTED,
    TRACE_ID,
    begun,
    job,
    parent,
    tracer,
)

STAGES = ["preprocess", "batch.wait", "model_forward", "postprocess"]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Generator[Collector]:
    with Collector() as listening:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listening.endpoint)
        yield listening


def test_an_answered_request_becomes_five_spans_in_the_callers_trace(collector: Collector) -> None:
    exporting = tracer()
    trace = begun(exporting, {**parent("01"), b"tracestate": b"vendor=1"})
    trace.parsed_at, trace.job, trace.model = PARSED, job(), ("digits", "3")
    note_call([trace], ModelCall(1, 7, "CPUExecutionProvider", STARTED, FINISHED), None)
    trace.finish_http("POST", "/predict", 200, ANSWERED)
    exporting.close(30)
    *stages, request = collector.spans
    assert [stage.name for stage in stages] == STAGES
    assert (request.name, request.kind, request.parent_id) == ("POST /predict", SERVER, SPAN_ID)
    assert {(stage.kind, stage.parent_id) for stage in stages} == {(INTERNAL, request.span_id)}
    assert {span.trace_id for span in collector.spans} == {TRACE_ID}
    assert {span.service for span in collector.spans} == {"inference-platform"}
    assert abs(request.end - time.time_ns()) < 600e9
    lengths = [(round((span.start - request.start) / 1e6), round((span.end - request.start) / 1e6)) for span in stages]
    assert lengths == [(0, 1), (2, 3), (3, 4), (4, 5)]
    assert round((request.end - request.start) / 1e6) == 5
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "inference.model": "digits",
        "inference.model_version": "3",
    }
    assert stages[2].attributes == {
        "inference.batch_size": 7,
        "inference.batch_requests": 1,
        "inference.request_size": 2,
        "inference.execution_provider": "CPUExecutionProvider",
    }
    assert (request.state, request.has_remote_parent) == ("vendor=1", True)
    assert not any(stage.has_remote_parent for stage in stages)
    assert not any(span.failed for span in collector.spans)


def test_a_trace_that_begins_here_has_the_id_that_its_log_lines_have(collector: Collector) -> None:
    exporting = tracer()
    traces = [begun(exporting) for _ in range(2)]
    for trace in traces:
        trace.finish_grpc("inference.GRPCInferenceService/ModelInfer", "OK", ANSWERED)
    exporting.close(30)
    requests = [span for span in collector.spans if span.kind == SERVER]
    assert [span.trace_id for span in requests] == [trace.trace_id for trace in traces]
    assert {span.parent_id for span in requests} == {""}
    assert requests[0].name == "inference.GRPCInferenceService/ModelInfer"
    assert requests[0].attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "inference.GRPCInferenceService/ModelInfer",
        "rpc.response.status_code": "OK",
    }


@pytest.mark.parametrize(
    ("error", "done", "failed"),
    [
        (BadRequest("expected shape [8], got [2]"), [], []),
        (QueueFull("no room"), ["preprocess"], []),
        (DeadlineExceeded("too late"), ["preprocess"], ["batch.wait"]),
        (ModelFailed("the model failed"), ["preprocess", "batch.wait"], ["model_forward"]),
        (InferenceError("internal error"), STAGES, []),
    ],
)
def test_a_failed_request_shows_how_far_it_came_and_why_the_server_failed(
    collector: Collector, error: InferenceError, done: list[str], failed: list[str]
) -> None:
    exporting = tracer()
    trace = begun(exporting)
    trace.error, reached = error, [*done, *failed]
    trace.parsed_at = PARSED if "preprocess" in done else 0
    if "batch.wait" in reached:
        trace.job = job(STARTED if "batch.wait" in done else 0, FINISHED if "model_forward" in done else 0)
    trace.finish_http("POST", "/predict", int(error.status), ANSWERED)
    exporting.close(30)
    *stages, request = collector.spans
    assert [stage.name for stage in stages] == (reached or ["preprocess"])
    assert [stage.name for stage in stages if stage.failed] == failed
    assert stages[-1].end == request.end or done == reached
    assert request.attributes["error.type"] == type(error).__name__
    assert (request.failed, request.reason) == ((True, str(error)) if error.status >= 500 else (False, ""))


@pytest.mark.parametrize(
    ("told_at", "parsed_at", "started_at", "error", "reached", "failed"),
    [
        (0, 0, 0, DeadlineExceeded("too late"), ["batch.wait"], ["batch.wait"]),
        (PARSED, 0, 0, InferenceError("internal error"), ["batch.wait", "preprocess"], ["preprocess"]),
        (PARSED, PARSED, 0, DeadlineExceeded("too late"), ["batch.wait", "preprocess"], ["batch.wait"]),
        (PARSED, PARSED, STARTED, ModelFailed("no"), ["batch.wait", "preprocess", "model_forward"], ["model_forward"]),
    ],
    ids=["waiting", "being prepared", "prepared", "in the model"],
)
def test_what_takes_long_to_prepare_waits_before_and_after(
    collector: Collector,
    told_at: float,
    parsed_at: float,
    started_at: float,
    error: InferenceError,
    reached: list[str],
    failed: list[str],
) -> None:
    exporting = tracer()
    trace = begun(exporting)
    trace.preparing_at, trace.parsed_at, trace.error, trace.job = told_at, parsed_at, error, job(started_at, 0)
    trace.job.queued_at = trace.received_at
    trace.finish_http("POST", "/predict", int(error.status), ANSWERED)
    exporting.close(30)
    *stages, request = collector.spans
    assert [stage.name for stage in stages] == reached
    assert [stage.name for stage in stages if stage.failed] == failed
    assert stages[0].start == request.start


@pytest.mark.parametrize(("code", "failed"), [("UNAVAILABLE", True), ("RESOURCE_EXHAUSTED", False)])
def test_a_grpc_status_is_a_failure_where_the_server_is_to_blame(collector: Collector, code: str, failed: bool) -> None:
    exporting = tracer()
    trace = begun(exporting)
    trace.error = InferenceError("no")
    trace.finish_grpc("a.B/C", code, ANSWERED)
    exporting.close(30)
    assert [span.failed for span in collector.spans if span.kind == SERVER] == [failed]


def test_a_call_to_another_server_is_a_span_of_a_client_without_the_urls_password(collector: Collector) -> None:
    exporting = tracer()
    trace = begun(exporting)
    trace.parsed_at, trace.job = PARSED, job()
    url = "https://user:secret@models.example/v2/models/digits/infer"
    answers = [(200, ""), (503, ""), (None, "DeadlineExceeded")]
    trace.calls = tuple(ClientCall(span_id(), "POST", url, STARTED, FINISHED, *answer) for answer in answers)
    trace.finish_http("POST", "/predict", 200, ANSWERED)
    exporting.close(30)
    calls = [span for span in collector.spans if span.kind == CLIENT]
    (forward,) = [span for span in collector.spans if span.name == "model_forward"]
    assert [(span.failed, span.attributes.get("error.type")) for span in calls] == [
        (False, None),
        (True, "503"),
        (True, "DeadlineExceeded"),
    ]
    assert {span.parent_id for span in calls} == {forward.span_id}
    assert calls[0].attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": "models.example",
        "server.port": 443,
        "url.full": "https://models.example/v2/models/digits/infer",
    }


def test_service_name_and_resource_come_from_the_standard_variables(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "digits-prod")
    exporting = tracer()
    begun(exporting).finish_http("POST", "/predict", 200, ANSWERED)
    exporting.close(30)
    assert {span.service for span in collector.spans} == {"digits-prod"}
