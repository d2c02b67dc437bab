import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from inference_app import model as models
from inference_app.batching import Batcher
from inference_app.errors import ModelUnusable, NotReady
from inference_app.metrics import Metrics
from inference_app.model import Model
from inference_app.repository import ModelVersion
from inference_app.runners import InlineBatcher, ThreadedBatcher
from inference_app.served_model import ServedModel
from inference_app.settings import Settings

load_model = models.load


def served(version: ModelVersion, **settings: Any) -> ServedModel:
    return ServedModel(version, Settings(**settings), Metrics())


def obstacle(model: ServedModel) -> str:
    with pytest.raises(NotReady) as raised:
        model.health.require_ready()
    return str(raised.value)


def images(count: int) -> dict[str, Any]:
    return {"image": np.zeros((count, 8, 8, 1), dtype=np.float32)}


async def test_a_model_answers_once_it_is_loaded(digits: ModelVersion) -> None:
    model = served(digits)
    assert obstacle(model) == "the model is loading"
    await model.load()
    model.health.require_ready()
    outputs = await model.infer(images(3))
    model.close()
    assert outputs["probabilities"].shape == (3, 10)


async def test_requests_that_come_while_the_model_loads_are_refused(digits: ModelVersion) -> None:
    with pytest.raises(NotReady, match="the model is loading"):
        await served(digits).infer({})


async def test_an_unforeseen_failure_to_load_is_the_reason_for_not_being_ready(
    digits: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Model:
        raise MemoryError("no memory left")

    monkeypatch.setattr(models, "load", fail)
    model = served(digits)
    with pytest.raises(ModelUnusable, match="MemoryError: no memory left"):
        await model.load()
    assert obstacle(model) == "MemoryError: no memory left"


async def test_a_model_that_stops_while_it_loads_never_becomes_ready(
    digits: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slowly(*arguments: Any) -> Model:
        go_on.wait(10)
        return load_model(*arguments)

    monkeypatch.setattr(models, "load", slowly)
    model = served(digits)
    loading = asyncio.create_task(model.load())
    await asyncio.sleep(0)
    model.drain()
    go_on.set()
    await loading
    model.close()
    assert obstacle(model) == "the server is stopping"


async def test_a_draining_model_is_not_ready_but_answers(digits: ModelVersion) -> None:
    model = served(digits)
    await model.load()
    model.drain()
    outputs = await model.infer(images(1))
    model.close()
    assert obstacle(model) == "the server is stopping"
    assert outputs["probabilities"].shape == (1, 10)


@pytest.mark.parametrize(("execution", "kind"), [("inline", InlineBatcher), ("threads", ThreadedBatcher)])
async def test_the_setting_decides_where_the_model_runs(
    digits: ModelVersion, execution: str, kind: type[Batcher]
) -> None:
    model = served(digits, execution=execution)
    await model.load()
    serving = model.enter()
    outputs = await serving.batcher.infer(images(2))
    serving.leave()
    model.close()
    assert type(serving.batcher) is kind
    assert len(outputs["probabilities"]) == 2


async def test_a_model_retires_when_the_last_request_that_entered_has_left(digits: ModelVersion) -> None:
    model = served(digits)
    await model.load()
    serving = [model.enter(), model.enter()]
    retiring = asyncio.create_task(model.retire())
    serving[0].leave()
    await asyncio.sleep(0)
    outputs = await serving[1].batcher.infer(images(1))
    early = retiring.done()
    serving[1].leave()
    await retiring
    assert (early, len(outputs["probabilities"])) == (False, 1)
    with pytest.raises(NotReady):
        model.enter()


async def test_a_call_that_never_returns_does_not_hold_up_the_end(digits: ModelVersion) -> None:
    model = served(digits, request_timeout_seconds=0.01, watchdog_timeout_seconds=0.01)
    await model.load()
    model.enter()
    await model.retire()
    with pytest.raises(NotReady, match="version 1 of digits is not served any more"):
        model.enter()


async def test_a_model_that_is_closed_while_it_loads_leaves_nothing_behind(
    digits: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def slowly(*arguments: Any) -> Model:
        reached.set()
        go_on.wait(10)
        return load_model(*arguments)

    monkeypatch.setattr(models, "load", slowly)
    model = served(digits, execution="threads")
    before = set(threading.enumerate())
    loading = asyncio.create_task(model.load())
    await asyncio.to_thread(reached.wait, 10)
    model.close()
    go_on.set()
    await loading
    added = [each for each in threading.enumerate() if each.name.startswith("model-") and each not in before]
    for thread in added:
        await asyncio.to_thread(thread.join, 10)
    assert [thread for thread in added if thread.is_alive()] == []
