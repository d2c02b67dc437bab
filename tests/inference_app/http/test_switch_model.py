"""The call that switches a model's version, as its callers see it."""

import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference_app import memory, models
from inference_app.contract import Route
from inference_app.http.app import create_app
from inference_app.metrics import Metrics
from inference_app.models import Models
from inference_app.settings import Settings
from tests.inference_app.test_models import add_version

BEARER = {"Authorization": "Bearer secret"}


async def client(own_repository: Path, **settings: Any) -> AsyncGenerator[httpx.AsyncClient]:
    """A client with the token, of the application alone, whose model is loaded."""
    wanted = Settings.model_validate({"model_repository": own_repository, "admin_token": "secret", **settings})
    made = Models(models.find(wanted), wanted, Metrics())
    await made.start()
    transport = httpx.ASGITransport(create_app(made, wanted))
    async with httpx.AsyncClient(transport=transport, base_url="http://server", headers=BEARER) as client:
        yield client
    made.close()


@pytest.fixture
async def admin(own_repository: Path) -> AsyncGenerator[httpx.AsyncClient]:
    """The same with nothing else set; version 2 is active, version 1 is served."""
    async for made in client(own_repository):
        add_version(own_repository / "digits", "2")
        yield made


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"model": "digits"}', b'{"version": "2"}'])
async def test_what_is_left_out_is_the_default_model_and_the_active_version(
    admin: httpx.AsyncClient, body: bytes
) -> None:
    answer = await admin.post(Route.SWITCH_MODEL, content=body)
    switched = answer.json()
    assert (answer.status_code, switched.pop("seconds") > 0) == (200, True)
    assert switched == {"model": "digits", "version": "2", "previous": "1"}


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"versoin": "2"}', b'{"version": 2}', b'{"version": ""}'])
async def test_a_body_that_means_nothing_is_400(admin: httpx.AsyncClient, body: bytes) -> None:
    answer = await admin.post(Route.SWITCH_MODEL, content=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


async def test_a_model_or_version_that_is_not_there_is_404(admin: httpx.AsyncClient) -> None:
    bodies = [{"model": "cats"}, {"version": "9"}, {"version": "../1"}]
    answers = [await admin.post(Route.SWITCH_MODEL, json=body) for body in bodies]
    assert [answer.status_code for answer in answers] == [404] * 3


async def test_a_version_that_cannot_be_read_is_422(admin: httpx.AsyncClient, own_repository: Path) -> None:
    (own_repository / "digits" / "2" / "metadata.json").write_text("{")
    answer = await admin.post(Route.SWITCH_MODEL)
    assert (answer.status_code, "metadata.json" in answer.json()["error"]) == (422, True)


async def test_a_version_without_room_is_a_conflict(admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1)
    answer = await admin.post(Route.SWITCH_MODEL)
    assert (answer.status_code, "the server may take 1 more" in answer.json()["error"]) == (409, True)


@pytest.mark.parametrize(
    ("settings", "reason"), [({"model_version": "1"}, "MODEL_VERSION pins digits"), ({"workers": 2}, "WORKERS=2")]
)
async def test_what_the_settings_say_is_a_conflict(own_repository: Path, settings: dict[str, Any], reason: str) -> None:
    async for pinned in client(own_repository, **settings):
        answer = await pinned.post(Route.SWITCH_MODEL)
        assert (answer.status_code, reason in answer.json()["error"]) == (409, True)


@pytest.mark.parametrize(("token", "statuses"), [(None, [403, 403]), ("other", [401, 401])])
async def test_the_call_needs_the_servers_token(own_repository: Path, token: str | None, statuses: list[int]) -> None:
    async for stranger in client(own_repository, admin_token=token):
        shutil.rmtree(own_repository)  # the token comes before everything else
        answers = [await stranger.post(Route.SWITCH_MODEL, content=body) for body in (b"", b'{"version": 2}')]
        assert [answer.status_code for answer in answers] == statuses
