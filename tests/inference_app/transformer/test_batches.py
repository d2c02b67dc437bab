"""What the requests of one batch hear when the predictor refuses it."""

import asyncio

import numpy as np
import pytest

from inference_app.batching import BatchingLimits
from inference_app.errors import InferenceError
from inference_app.metrics import ModelMetrics
from inference_app.outputs import BatchOutputs
from inference_app.runners import InlineBatcher
from inference_app.tensors import Arrays
from inference_app.transformer.predictor import PredictorFailed

LIMITS = BatchingLimits(max_batch_size=8, max_queue_size=64, timeout=5)


async def outcomes(status: int, *values: float) -> tuple[list[int], list[int], list[Exception]]:
    """Statuses of requests in one batch to a predictor that refuses negative numbers, its calls, and the watchdog's."""
    calls: list[int] = []
    reported: list[Exception] = []

    def run(inputs: Arrays) -> BatchOutputs:
        calls.append(len(inputs["x"]))
        if (inputs["x"] < 0).any():
            raise PredictorFailed(status, "no")
        return BatchOutputs({"y": inputs["x"]})

    batcher = InlineBatcher(run, LIMITS, ModelMetrics(), reported.append)
    asked = [batcher.infer({"x": np.full((1, 1), value, np.float32)}) for value in values]
    found = await asyncio.gather(*asked, return_exceptions=True)
    return [each.status if isinstance(each, InferenceError) else 200 for each in found], calls, reported


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_predictor_that_is_busy_or_gone_is_not_asked_again_for_each_of_a_batch(status: int) -> None:
    statuses, calls, reported = await outcomes(status, 1, -1, 1)

    assert statuses == [status] * 3
    assert calls == [3]
    assert reported == [], "the watchdog looks after a model of this process"


@pytest.mark.parametrize("status", [400, 500])
async def test_a_request_that_the_predictor_refuses_or_breaks_on_fails_alone(status: int) -> None:
    statuses, calls, _ = await outcomes(status, 1, -1, 1)

    assert statuses == [200, status, 200]
    assert calls == [3, 1, 1, 1]
