"""Tracing inside this process, from the decision to what a collector gets."""

import logging
import subprocess
import sys
import time
import weakref
from collections.abc import Generator
from queue import SimpleQueue
from random import getrandbits

import numpy as np
import pytest
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from inference_app import tracing
from inference_app.contract import TraceSampler
from inference_app.errors import BadRequest, DeadlineExceeded, InferenceError, ModelFailed, QueueFull
from inference_app.jobs import Job
from inference_app.outputs import Rows
from inference_app.protocols.call import Headers
from inference_app.settings import Settings
from inference_app.tracing import FinishedTrace, Trace, Tracer
from tests.inference_app.collector import INTERNAL, SERVER, Collector

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
RECEIVED, PARSED, QUEUED, STARTED, FINISHED, ANSWERED = (100 + step / 1000 for step in range(6))
STAGES = ["preprocess", "queue", "model_forward", "postprocess"]


class Unheard(Job):
    """A job of nobody's."""

    rows = 2
    queued_at = QUEUED

    def __init__(self) -> None:
        self.inputs = {"x": np.zeros((2, 3), np.float32)}

    def deliver(self, rows: Rows) -> None: ...

    def fail(self, error: InferenceError) -> None: ...


def headers(traceparent: str) -> Headers:
    return {b"traceparent": traceparent.encode()}


def parent(flags: str, trace_id: str = TRACE_ID) -> Headers:
    return headers(f"00-{trace_id}-{SPAN_ID}-{flags}")


def tracer(sampler: TraceSampler = TraceSampler.ALWAYS_ON, ratio: float = 1) -> Tracer:
    return Tracer(sampler, ratio)


def job(started_at: float = STARTED, finished_at: float = FINISHED) -> Job:
    made = Unheard()
    made.started_at, made.finished_at = started_at, finished_at
    return made


def begun(tracing_by: Tracer, given: Headers | None = None) -> Trace:
    """A sampled request."""
    trace = tracing_by.begin(given or {}, RECEIVED)
    assert trace is not None
    return trace


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Generator[Collector]:
    with Collector() as listening:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listening.endpoint)
        yield listening


@pytest.mark.parametrize(
    ("sampler", "ratio", "low", "high"),
    [
        (TraceSampler.ALWAYS_ON, 0, 10_000, 10_000),
        (TraceSampler.ALWAYS_OFF, 1, 0, 0),
        (TraceSampler.PARENTBASED_ALWAYS_ON, 0, 10_000, 10_000),
        (TraceSampler.PARENTBASED_ALWAYS_OFF, 1, 0, 0),
        (TraceSampler.TRACEIDRATIO, 0.1, 800, 1200),
        (TraceSampler.PARENTBASED_TRACEIDRATIO, 0.1, 800, 1200),
        (TraceSampler.TRACEIDRATIO, 0, 0, 0),
        (TraceSampler.TRACEIDRATIO, 1, 10_000, 10_000),
    ],
)
def test_requests_without_a_parent_are_sampled_by_the_sampler(
    sampler: TraceSampler, ratio: float, low: int, high: int
) -> None:
    sampling = tracer(sampler, ratio)
    traces = [trace for trace in (sampling.begin({}, 0) for _ in range(10_000)) if trace is not None]
    assert low <= len(traces) <= high
    assert len({trace.trace_id for trace in traces}) == len(traces)
    assert {len(trace.trace_id) for trace in traces} <= {32}


@pytest.mark.parametrize("flags", ["01", "03", "ff", "0b"])
def test_what_the_caller_samples_is_sampled_in_its_trace(flags: str) -> None:
    assert begun(tracer(TraceSampler.PARENTBASED_ALWAYS_OFF), parent(flags)).trace_id == TRACE_ID


@pytest.mark.parametrize("flags", ["00", "02", "0a", "fe"])
def test_what_the_caller_does_not_sample_is_not_sampled(flags: str) -> None:
    assert tracer(TraceSampler.PARENTBASED_ALWAYS_ON).begin(parent(flags), 0) is None


def test_a_ratio_that_does_not_follow_the_parent_decides_as_the_sdk_does() -> None:
    ours, theirs = tracer(TraceSampler.TRACEIDRATIO, 0.3), TraceIdRatioBased(0.3)
    ids = [getrandbits(128) for _ in range(1000)]
    wanted = [theirs.should_sample(None, number, "").decision is Decision.RECORD_AND_SAMPLE for number in ids]
    assert [ours.begin(parent("00", f"{number:032x}"), 0) is not None for number in ids] == wanted
    assert 200 < sum(wanted) < 400


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "nonsense",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID}-{SPAN_ID}-0",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01x",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID}-{SPAN_ID}-01\n",
    ],
)
def test_a_malformed_parent_is_none(traceparent: str) -> None:
    assert begun(tracer(TraceSampler.PARENTBASED_ALWAYS_ON), headers(traceparent)).trace_id != TRACE_ID
    assert tracer(TraceSampler.PARENTBASED_ALWAYS_OFF).begin(headers(traceparent), 0) is None


def test_a_parent_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    later = headers(f"01-{TRACE_ID}-{SPAN_ID}-01-more")
    assert begun(tracer(TraceSampler.PARENTBASED_ALWAYS_OFF), later).trace_id == TRACE_ID


def test_an_answered_request_becomes_five_spans_in_the_callers_trace(collector: Collector) -> None:
    exporting = tracer()
    trace = begun(exporting, {**parent("01"), b"tracestate": b"vendor=1"})
    trace.parsed_at, trace.job, trace.batch_size, trace.model = PARSED, job(), 7, ("digits", "3")
    before = time.time_ns()
    trace.finish_http("POST", "/predict", 200, ANSWERED)
    after = time.time_ns()
    exporting.close(30)
    *stages, request = collector.spans
    assert [stage.name for stage in stages] == STAGES
    assert (request.name, request.kind, request.parent_id) == ("POST /predict", SERVER, SPAN_ID)
    assert {(stage.kind, stage.parent_id) for stage in stages} == {(INTERNAL, request.span_id)}
    assert {span.trace_id for span in collector.spans} == {TRACE_ID}
    assert {span.service for span in collector.spans} == {"inference-platform"}
    assert before <= request.end <= after
    lengths = [(round((span.start - request.start) / 1e6), round((span.end - request.start) / 1e6)) for span in stages]
    assert lengths == [(0, 1), (2, 3), (3, 4), (4, 5)]
    assert request.end - request.start == 5_000_000
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "inference.model": "digits",
        "inference.model_version": "3",
    }
    assert stages[2].attributes == {"inference.batch_size": 7, "inference.request_size": 2}
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
        (DeadlineExceeded("too late"), ["preprocess"], ["queue"]),
        (ModelFailed("the model failed"), ["preprocess", "queue"], ["model_forward"]),
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
    if "queue" in reached:
        trace.job = job(STARTED if "queue" in done else 0, FINISHED if "model_forward" in done else 0)
    trace.finish_http("POST", "/predict", int(error.status), ANSWERED)
    exporting.close(30)
    *stages, request = collector.spans
    assert [stage.name for stage in stages] == (reached or ["preprocess"])
    assert [stage.name for stage in stages if stage.failed] == failed
    assert stages[-1].end == request.end or done == reached
    assert request.attributes["error.type"] == type(error).__name__
    assert (request.failed, request.reason) == ((True, str(error)) if error.status >= 500 else (False, ""))


@pytest.mark.parametrize(("code", "failed"), [("UNAVAILABLE", True), ("RESOURCE_EXHAUSTED", False)])
def test_a_grpc_status_is_a_failure_where_the_server_is_to_blame(collector: Collector, code: str, failed: bool) -> None:
    exporting = tracer()
    trace = begun(exporting)
    trace.error = InferenceError("no")
    trace.finish_grpc("a.B/C", code, ANSWERED)
    exporting.close(30)
    assert [span.failed for span in collector.spans if span.kind == SERVER] == [failed]


def test_service_name_and_resource_come_from_the_standard_variables(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "digits-prod")
    exporting = tracer()
    begun(exporting).finish_http("POST", "/predict", 200, ANSWERED)
    exporting.close(30)
    assert {span.service for span in collector.spans} == {"digits-prod"}


def test_a_finished_trace_keeps_no_input_alive() -> None:
    finished: SimpleQueue[FinishedTrace | None] = SimpleQueue()
    trace = Trace(finished, TRACE_ID, {}, RECEIVED)
    trace.job = job()
    trace.error = ModelFailed("the model failed")
    inputs = weakref.ref(trace.job.inputs["x"])
    trace.finish_http("POST", "/predict", 500, ANSWERED)
    del trace
    assert finished.get() is not None
    assert inputs() is None


def test_traces_beyond_what_may_wait_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    finished: SimpleQueue[FinishedTrace | None] = SimpleQueue()
    for _ in range(tracing.MAX_WAITING + 5):
        Trace(finished, TRACE_ID, {}, RECEIVED).finish_http("POST", "/predict", 200, ANSWERED)
    assert finished.qsize() == tracing.MAX_WAITING
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 5


def test_nothing_is_traced_unless_an_endpoint_is_set() -> None:
    assert tracing.start(Settings()) is None
    started = [
        tracing.start(Settings(otel_exporter_otlp_endpoint="http://127.0.0.1:1")),
        tracing.start(Settings(otel_exporter_otlp_traces_endpoint="http://127.0.0.1:1/v1/traces")),
    ]
    assert all(started)


def test_closing_does_not_wait_for_a_collector_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    exporting = tracer()
    begun(exporting).finish_http("POST", "/predict", 200, ANSWERED)
    started = time.monotonic()
    exporting.close(0.2)
    assert time.monotonic() - started < 5


def test_the_sdk_is_not_loaded_before_a_sampled_request_is_answered() -> None:
    script = """
import sys
from inference_app import tracing
from inference_app.contract import TraceSampler
tracer = tracing.Tracer(TraceSampler.ALWAYS_ON, 1)
tracer.begin({}, 0.0)
tracer.close(10)
print([name for name in sys.modules if name.startswith(("opentelemetry", "requests", "google"))])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
