from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference_app import memory
from inference_app.http import sagemaker_routes
from inference_app.http.app import create_app
from inference_app.metrics import Metrics
from inference_app.models import Models
from inference_app.repository import ModelVersion
from inference_app.settings import Settings


async def client(settings: Settings) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the application alone, which serves no model yet."""
    models = Models([], settings, Metrics())
    transport = httpx.ASGITransport(create_app(models, settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://container") as client:
        yield client
    models.close()


@pytest.fixture
async def platform() -> AsyncGenerator[httpx.AsyncClient]:
    """SageMaker, as a multi-model container sees it."""
    async for made in client(Settings(sagemaker_multi_model=True)):
        yield made


def wanted(name: str, directory: Path) -> dict[str, Any]:
    """The body of a call that loads a model."""
    return {"model_name": name, "url": str(directory)}


async def test_a_model_is_loaded_listed_described_and_unloaded(
    platform: httpx.AsyncClient, digits: ModelVersion
) -> None:
    model = {"modelName": "a", "modelUrl": str(digits.directory)}
    loaded = await platform.post("/models", json=wanted("a", digits.directory))
    listed, described = await platform.get("/models"), await platform.get("/models/a")
    unloaded, after = await platform.delete("/models/a"), await platform.get("/models")
    assert [answer.status_code for answer in (loaded, listed, described, unloaded, after)] == [200] * 5
    assert (loaded.json(), listed.json(), described.json()) == (model, {"models": [model]}, model)
    assert after.json() == {"models": []}


async def test_a_name_that_is_taken_is_a_conflict(platform: httpx.AsyncClient, digits: ModelVersion) -> None:
    answers = [await platform.post("/models", json=wanted("a", digits.directory)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 409]


async def test_a_model_without_room_is_refused_before_it_is_loaded(
    platform: httpx.AsyncClient, digits: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: digits.model_path.stat().st_size - 1)
    answer = await platform.post("/models", json=wanted("a", digits.directory))
    assert (answer.status_code, (await platform.get("/models")).json()) == (507, {"models": []})


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_model_that_is_not_loaded_is_unknown(platform: httpx.AsyncClient, method: str) -> None:
    assert (await platform.request(method, "/models/a")).status_code == 404


async def test_a_folder_without_a_usable_model_is_refused_with_the_reason(
    platform: httpx.AsyncClient, own_repository: Path, tmp_path: Path
) -> None:
    (own_repository / "digits" / "1" / "model.onnx").write_bytes(b"damaged")
    damaged = await platform.post("/models", json=wanted("a", own_repository))
    absent = await platform.post("/models", json=wanted("a", tmp_path / "absent"))
    nameless = await platform.post("/models", json=wanted("", own_repository))
    assert [answer.status_code for answer in (damaged, absent, nameless)] == [400] * 3
    assert "SHA-256" in damaged.json()["error"]
    assert "must hold one model" in absent.json()["error"]


async def test_a_long_list_comes_in_pages(
    platform: httpx.AsyncClient, digits: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sagemaker_routes, "PAGE", 2)
    for name in "cab":
        await platform.post("/models", json=wanted(name, digits.directory))
    first = (await platform.get("/models")).json()
    second = (await platform.get("/models", params={"next_page_token": first["nextPageToken"]})).json()
    assert [[model["modelName"] for model in page["models"]] for page in (first, second)] == [["a", "b"], ["c"]]
    assert "nextPageToken" not in second


async def test_elsewhere_the_calls_need_the_servers_token(digits: ModelVersion) -> None:
    statuses: list[int] = []
    for settings in (Settings(), Settings.model_validate({"admin_token": "secret"})):
        async for outsider in client(settings):
            statuses.append((await outsider.get("/models")).status_code)
            owner = {"Authorization": "Bearer secret"}
            loading = await outsider.post("/models", json=wanted("a", digits.directory), headers=owner)
            statuses.append(loading.status_code)
    assert statuses == [403, 403, 401, 200]
