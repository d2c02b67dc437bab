import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from inference_app.errors import NotReady
from inference_app.model import Model
from inference_app.model import load as load_model
from inference_app.repository import ModelVersion
from inference_app.service import Service
from inference_app.settings import Settings


def obstacle(service: Service) -> str:
    with pytest.raises(NotReady) as raised:
        service.require_ready()
    return str(raised.value)


def ready(service: Service) -> float | None:
    return service.metrics.registry.get_sample_value("inference_ready")


async def test_a_service_answers_once_its_model_is_loaded(digits: ModelVersion) -> None:
    service = Service(digits, Settings())
    assert (obstacle(service), ready(service)) == ("the model is loading", 0)
    await service.load()
    service.require_ready()
    outputs = await service.infer({"image": np.zeros((3, 8, 8, 1), dtype=np.float32)})
    service.close()
    assert ready(service) == 1
    assert outputs["probabilities"].shape == (3, 10)


async def test_requests_that_come_while_the_model_loads_are_refused(digits: ModelVersion) -> None:
    with pytest.raises(NotReady, match="the model is loading"):
        await Service(digits, Settings()).infer({})


async def test_an_unforeseen_failure_to_load_is_the_reason_for_not_being_ready(digits: ModelVersion) -> None:
    def fail(*_: Any) -> Model:
        raise MemoryError("no memory left")

    service = Service(digits, Settings())
    await service.load(fail)
    assert (obstacle(service), ready(service)) == ("MemoryError: no memory left", 0)


async def test_a_service_that_stops_while_it_loads_never_becomes_ready(digits: ModelVersion) -> None:
    go_on = threading.Event()

    def slowly(*arguments: Any) -> Model:
        go_on.wait(10)
        return load_model(*arguments)

    service = Service(digits, Settings())
    loading = asyncio.create_task(service.load(slowly))
    service.drain()
    go_on.set()
    await loading
    service.close()
    assert (obstacle(service), ready(service)) == ("the server is stopping", 0)


async def test_a_draining_service_is_not_ready_but_answers(digits: ModelVersion) -> None:
    service = Service(digits, Settings())
    await service.load()
    service.drain()
    outputs = await service.infer({"image": np.zeros((1, 8, 8, 1), dtype=np.float32)})
    service.close()
    assert obstacle(service) == "the server is stopping"
    assert outputs["probabilities"].shape == (1, 10)
