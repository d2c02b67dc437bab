"""One trace through a transformer and its predictor, and what the predictor hears of requests that are not traced."""

import json
from collections.abc import Generator
from typing import Any

import httpx
import numpy as np
import pytest

from inference_app import trace
from inference_app.process import ServerProcess
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from inference_app.spans import encode
from inference_app.trace import Parent, Records, Trace
from inference_app.tracing import TRACEPARENT
from inference_app.transformer.predictor import Predictor, PredictorFailed
from tests.inference_app.collector import CLIENT, SERVER, Collector
from tests.loopback import Loopback, Response

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "what the client sent"


@pytest.fixture
def refusing() -> Generator[Loopback]:
    """A predictor that quotes what it was sent."""
    with Loopback(lambda _: Response(status=500, body=json.dumps({"error": SECRET}).encode())) as server:
        yield server


def ask(refusing: Loopback, digits: ModelVersion, current: Trace | None, endpoint: str | None) -> PredictorFailed:
    """What the predictor's refusal becomes in a call for a request."""
    predictor = Predictor(digits.metadata, Settings(predictor_url=refusing.url, otel_exporter_otlp_endpoint=endpoint))
    token = trace.current.set(current)
    try:
        with pytest.raises(PredictorFailed) as caught:
            predictor.run({"image": np.zeros((1, 8, 8, 1), np.float32)})
    finally:
        trace.current.reset(token)
    return caught.value


def test_a_sampled_requests_trace_goes_on_with_its_state(refusing: Loopback, digits: ModelVersion) -> None:
    sampled = Trace(Records(encode), TRACE_ID, Parent(SPAN_ID, "vendor=1,other=2"), 1.0)
    ask(refusing, digits, sampled, "http://127.0.0.1:1")
    (call,), heard = sampled.calls, refusing.requests[0].headers
    assert heard["traceparent"] == f"00-{TRACE_ID}-{call.span_id}-01"
    assert heard["tracestate"] == "vendor=1,other=2"
    assert (call.status, call.method, call.url.rpartition("/")[2]) == (500, "POST", "infer")
    assert 0 < call.started < call.finished


def test_what_is_not_sampled_is_not_sampled_behind_it_either(refusing: Loopback, digits: ModelVersion) -> None:
    ask(refusing, digits, None, "http://127.0.0.1:1")
    heard = refusing.requests[0].headers
    assert TRACEPARENT.fullmatch(heard["traceparent"].encode())
    assert heard["traceparent"].endswith("-00")
    assert "tracestate" not in heard


def test_a_transformer_that_traces_nothing_decides_nothing(refusing: Loopback, digits: ModelVersion) -> None:
    ask(refusing, digits, None, None)
    assert "traceparent" not in refusing.requests[0].headers


def test_logs_and_traces_hold_nothing_of_what_the_predictor_says(refusing: Loopback, digits: ModelVersion) -> None:
    error = ask(refusing, digits, None, None)
    assert SECRET in str(error)
    assert error.outline == "the predictor answers 500"


@pytest.mark.slow
def test_a_request_is_one_trace_through_transformer_and_predictor(example: list[Any]) -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}
    with Collector() as collector:
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        with ServerProcess({**traced, "OTEL_SERVICE_NAME": "predictor"}) as predictor:
            predictor.until("ready")
            host = predictor.url().removeprefix("http://")
            arguments = ("--model_name", "digits", "--predictor_host", host)
            front = {**traced, "OTEL_SERVICE_NAME": "transformer", "OTEL_TRACES_SAMPLER": "parentbased_always_off"}
            with ServerProcess(front, *arguments, module="inference_app.transformer") as transformer:
                transformer.until("ready")
                with httpx.Client(base_url=transformer.url()) as client:
                    answer = client.post("/predict", json={"inputs": [example]}, headers=headers)
                spans = [span for span in collector.until(11) if span.trace_id == TRACE_ID]
    (call,) = [span for span in spans if span.kind == CLIENT]
    entries = {span.service: span for span in spans if span.kind == SERVER}
    parents = {span.span_id: span for span in spans}
    assert answer.status_code == 200
    assert len(spans) == 11
    assert entries["transformer"].parent_id == SPAN_ID
    assert entries["predictor"].parent_id == call.span_id
    assert (parents[call.parent_id].name, parents[call.parent_id].service) == ("model_forward", "transformer")
    assert call.attributes["url.full"] == f"http://{host}/v2/models/digits/versions/1/infer"
    assert (call.attributes["http.response.status_code"], call.failed) == (200, False)
