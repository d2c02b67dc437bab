import threading

import numpy as np
import pytest

from inference_app.batching import BatchingLimits
from inference_app.errors import ModelFailed
from inference_app.metrics import ModelMetrics
from inference_app.outputs import BatchOutputs
from inference_app.runners import InlineBatcher, ThreadedBatcher
from inference_app.tensors import Arrays, rows
from inference_app.tune.load import Answer, Load, Observed

EXAMPLE: Arrays = {"x": np.ones((1, 2), np.float32)}
LIMITS = BatchingLimits(max_batch_size=4, max_queue_size=16, timeout=60)


class FakeModel:
    """Notes the size of every batch; `failing` ones raise."""

    def __init__(self, *, failing: bool = False) -> None:
        self._failing = failing
        self.sizes: list[int] = []

    def run(self, inputs: Arrays) -> BatchOutputs:
        self.sizes.append(rows(inputs))
        if self._failing:
            raise ValueError("broken")
        return BatchOutputs(inputs)


@pytest.mark.parametrize("kind", [InlineBatcher, ThreadedBatcher])
async def test_a_load_keeps_batches_full_and_counts_every_example(
    kind: type[InlineBatcher] | type[ThreadedBatcher],
) -> None:
    model = FakeModel()
    observed = await Load(kind(model.run, LIMITS, ModelMetrics()), EXAMPLE, 16).run(0.05)
    assert len(observed.answers) == sum(model.sizes)
    assert sum(model.sizes) / len(model.sizes) > 3
    assert observed.examples_per_second() > 0


async def test_fewer_clients_than_a_batch_holds_are_never_more_than_they_are() -> None:
    model = FakeModel()
    await Load(InlineBatcher(model.run, LIMITS, ModelMetrics()), EXAMPLE, 2).run(0.02)
    assert max(model.sizes) == 2


async def test_a_load_leaves_no_model_thread_behind() -> None:
    before = set(threading.enumerate())
    await Load(ThreadedBatcher(FakeModel().run, LIMITS, ModelMetrics(), threads=2), EXAMPLE, 8).run(0.02)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("kind", [InlineBatcher, ThreadedBatcher])
async def test_a_model_that_fails_ends_the_load_with_its_failure(
    kind: type[InlineBatcher] | type[ThreadedBatcher],
) -> None:
    load = Load(kind(FakeModel(failing=True).run, LIMITS, ModelMetrics()), EXAMPLE, 8)
    with pytest.raises(ModelFailed):
        await load.run(0.02)


def test_a_call_counts_by_its_share_of_the_window() -> None:
    calls = [(-1.0, 1.0), (1.0, 3.0), (3.0, 5.0), (5.0, 7.0)]
    answers = [Answer(started, finished, 1) for started, finished in calls for _ in range(8)]
    assert Observed(answers, 0, 4).examples_per_second() == (4 + 8 + 4) / 4


def test_latencies_are_ranked() -> None:
    answers = [Answer(0, 1, latency) for latency in range(100, 0, -1)]
    observed = Observed(answers, 0, 1)
    assert (observed.latency(0.5), observed.latency(0.99)) == (51, 100)
