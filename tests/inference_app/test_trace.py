"""What a model's queue notes in the traces of the requests that it serves."""

import asyncio
import weakref
from typing import Any

import numpy as np
import pytest

from inference_app import trace
from inference_app.batching import Batcher, BatchingLimits
from inference_app.errors import ModelFailed
from inference_app.metrics import ModelMetrics
from inference_app.outputs import BatchOutputs
from inference_app.runners import InlineBatcher, ThreadedBatcher
from inference_app.spans import encode
from inference_app.tensors import Arrays
from inference_app.trace import FinishedBatch, Record, Records, Trace
from tests.inference_app.sampled import ANSWERED, RECEIVED, TRACE_ID, job

KINDS = [InlineBatcher, ThreadedBatcher]
Outcome = Arrays | BaseException


class Kept(Records):
    """Remembers what it is given."""

    def __init__(self) -> None:
        self.given: list[Record] = []
        super().__init__(self._keep)

    def _keep(self, record: Record, _: int) -> bytes:
        self.given.append(record)
        return b""


def run(inputs: Arrays) -> BatchOutputs:
    """Fails on negative numbers."""
    if (inputs["x"] < 0).any():
        raise ValueError("negative")
    return BatchOutputs(inputs)


def sampled(records: Kept, number: int) -> Trace:
    made = Trace(records, f"{number:032x}", None, 1.0)
    made.model = ("doubler", "1")
    return made


async def served(kind: type[Batcher], *requests: tuple[Trace | None, list[float]], **limits: Any) -> list[Outcome]:
    """Outcomes of requests that wait together."""
    given: dict[str, Any] = {"max_batch_size": 8, "max_delay": 0.2, "max_queue_size": 64, "timeout": 10.0, **limits}
    batcher = kind(run, BatchingLimits(**given), ModelMetrics())

    async def ask(request: Trace | None, values: list[float]) -> Arrays:
        trace.current.set(request)
        return await batcher.infer({"x": np.array(values, np.float32)[:, np.newaxis]})

    try:
        return await asyncio.gather(*[ask(*request) for request in requests], return_exceptions=True)
    finally:
        batcher.close()


def finished(*traces: Trace) -> None:
    for each in traces:
        each.finish_http("POST", "/predict", 200, 2.0)


def batches(records: Kept) -> list[FinishedBatch]:
    return [record for record in records.given if isinstance(record, FinishedBatch)]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_for_several_requests_is_noted_once_with_those_that_are_sampled(kind: type[Batcher]) -> None:
    records = Kept()
    first, second = sampled(records, 1), sampled(records, 2)
    await served(kind, (first, [1, 2]), (None, [3]), (second, [4]))
    finished(first, second)
    (batch,) = batches(records)
    assert batch.requests == (first, second)
    assert first.batches == second.batches == (batch.context,)
    assert (batch.call.requests, batch.call.examples, batch.model, batch.failure) == (3, 4, ("doubler", "1"), None)
    assert batch.call == first.call == second.call
    assert first.rows == 2
    assert first.queued_at <= first.started_at == batch.call.started < batch.call.finished == first.finished_at


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_for_one_request_is_its_own_span_alone(kind: type[Batcher]) -> None:
    records = Kept()
    request = sampled(records, 1)
    await served(kind, (request, [1, 2]))
    finished(request)
    assert batches(records) == []
    assert request.call is not None
    assert (request.call.requests, request.call.examples, request.batches) == (1, 2, ())


@pytest.mark.parametrize("kind", KINDS)
async def test_requests_that_are_not_sampled_leave_nothing(kind: type[Batcher]) -> None:
    records = Kept()
    await served(kind, (None, [1]), (None, [2]))
    assert records.given == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_that_fails_is_noted_and_so_are_those_of_its_requests_alone(kind: type[Batcher]) -> None:
    records = Kept()
    good, bad = sampled(records, 1), sampled(records, 2)
    outcomes = await served(kind, (good, [1]), (bad, [-1]))
    finished(good, bad)
    (batch,) = batches(records)
    assert [type(outcome) for outcome in outcomes] == [dict, ModelFailed]
    assert (batch.failure, batch.call.requests) == ("ValueError", 2)
    assert [each.call.requests for each in (good, bad) if each.call] == [1, 1]
    assert bad.started_at >= batch.call.finished
    assert (bad.finished_at, good.finished_at > good.started_at) == (0, True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_too_large_for_one_call_is_traced_through_all(kind: type[Batcher]) -> None:
    records = Kept()
    large, small = sampled(records, 1), sampled(records, 2)
    await served(kind, (large, [1, 2, 3, 4, 5, 6]), (small, [7]), max_batch_size=4)
    finished(large, small)
    (batch,) = batches(records)
    assert large.batches == small.batches == (batch.context,)
    assert (large.rows, batch.call.examples) == (6, 3)
    assert large.started_at < batch.call.started < batch.call.finished == large.finished_at


def failure_on(inputs: Arrays) -> ModelFailed:
    """An error whose traceback refers to the inputs."""
    try:
        raise ModelFailed(f"the model failed on {len(inputs)} tensors")
    except ModelFailed as error:
        return error


def test_a_finished_trace_keeps_no_input_alive() -> None:
    records = Records(encode)
    request = Trace(records, TRACE_ID, None, RECEIVED)
    request.job = job()
    request.error = failure_on(request.job.inputs)
    inputs = weakref.ref(request.job.inputs["x"])
    request.finish_http("POST", "/predict", 500, ANSWERED)
    assert inputs() is None
    assert len(records.take()) == 1


def test_traces_beyond_what_may_wait_are_dropped() -> None:
    records = Records(encode)
    for _ in range(trace.MAX_WAITING + 5):
        Trace(records, TRACE_ID, None, RECEIVED).finish_http("POST", "/predict", 200, ANSWERED)
    assert (len(records.take()), records.dropped) == (trace.MAX_WAITING, 5)


def test_a_request_whose_spans_cannot_be_made_is_answered_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    def encode_nothing(record: Record, _: int) -> bytes:
        raise ValueError(f"no {type(record).__name__}")

    records = Records(encode_nothing)
    Trace(records, TRACE_ID, None, RECEIVED).finish_http("POST", "/predict", 200, ANSWERED)
    assert records.take() == []
    assert "a trace is lost" in caplog.text
