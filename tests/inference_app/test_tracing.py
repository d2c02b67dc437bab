"""Which requests are traced, and what becomes of the thread that exports them."""

import subprocess
import sys
import time
from random import getrandbits

import pytest
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from inference_app import tracing
from inference_app.contract import TraceSampler
from inference_app.settings import Settings
from tests.inference_app.sampled import ANSWERED, SPAN_ID, TRACE_ID, begun, headers, parent, tracer


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
