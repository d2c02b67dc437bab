import asyncio
import json
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference_app import models, repository
from inference_app.errors import ConfigurationError, ModelUnusable, NotReady, UnknownModel
from inference_app.health import State
from inference_app.metrics import Metrics
from inference_app.models import Models
from inference_app.settings import Settings

IMAGE = {"image": np.zeros((1, 8, 8, 1), dtype=np.float32)}


def add_version(folder: Path, version: str, **changes: Any) -> None:
    """A further version of a model, like its first but for some metadata, that is active from now on."""
    shutil.copytree(folder / "1", folder / version)
    path = folder / version / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": version, **changes}))
    (folder / "active.json").write_text(json.dumps({"version": version}))


@pytest.fixture
async def loaded(own_repository: Path) -> AsyncGenerator[Models]:
    """The shipped model, loaded from a copy of its repository."""
    settings = Settings(model_repository=own_repository)
    made = Models(models.find(settings), settings, Metrics())
    await made.start()
    yield made
    made.close()


def test_the_first_model_of_the_settings_is_the_default_one(own_repository: Path) -> None:
    shutil.copytree(own_repository / "digits", own_repository / "other")
    path = own_repository / "other" / "1" / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "name": "other"}))
    settings = Settings(model_repository=own_repository, model_name="other", extra_models=("digits",))
    assert [version.metadata.name for version in models.find(settings)] == ["other", "digits"]


def test_a_multi_model_endpoint_starts_without_models(own_repository: Path) -> None:
    assert models.find(Settings(model_repository=own_repository, sagemaker_multi_model=True)) == []


async def test_a_model_is_found_by_name_and_version(loaded: Models) -> None:
    assert loaded.get("digits") is loaded.get("digits", "1") is loaded.default
    with pytest.raises(UnknownModel, match="model cats is not served here; digits is"):
        loaded.get("cats")
    with pytest.raises(UnknownModel, match="version 2 of digits is not served here; 1 is"):
        loaded.get("digits", "2")


async def test_the_index_names_every_model_with_its_state(loaded: Models) -> None:
    (entry,) = loaded.index()
    assert (entry.name, entry.version, entry.state, entry.reason) == ("digits", "1", State.READY, "")
    assert loaded.metrics.ready() == 1


async def test_a_new_version_takes_over_once_it_is_proven(loaded: Models, own_repository: Path) -> None:
    old, slot = loaded.get("digits"), loaded.slots["digits"]
    add_version(own_repository / "digits", "2")
    await loaded.load("digits")
    assert (loaded.get("digits").metadata.version, loaded.slots["digits"]) == ("2", slot)
    assert len((await loaded.get("digits").infer(IMAGE))["probabilities"]) == 1
    assert list(loaded.metrics.models) == [("digits", "2")]
    with pytest.raises(NotReady):
        old.enter()


async def test_a_version_may_be_named(loaded: Models, own_repository: Path) -> None:
    add_version(own_repository / "digits", "2")
    await loaded.load("digits", "1")
    assert loaded.get("digits").metadata.version == "1"


async def test_a_broken_version_leaves_the_old_one_in_service(loaded: Models, own_repository: Path) -> None:
    old = loaded.get("digits")
    add_version(own_repository / "digits", "2", sha256="0" * 64)
    with pytest.raises(ModelUnusable, match="SHA-256"):
        await loaded.load("digits")
    assert loaded.get("digits") is old
    assert len((await old.infer(IMAGE))["probabilities"]) == 1
    assert list(loaded.metrics.models) == [("digits", "1")]
    loaded.require_ready()


async def test_a_model_that_the_repository_does_not_have_cannot_be_loaded(loaded: Models) -> None:
    with pytest.raises(ConfigurationError, match="cats"):
        await loaded.load("cats")


async def test_an_exchange_loses_no_request(loaded: Models, own_repository: Path) -> None:
    add_version(own_repository / "digits", "2")
    done = asyncio.Event()
    answered: list[str] = []

    async def ask() -> None:
        while not done.is_set() or len(answered) < 8:
            model = loaded.slots["digits"].model
            await model.infer(IMAGE)
            answered.append(model.metadata.version)

    clients = [asyncio.create_task(ask()) for _ in range(8)]
    await loaded.load("digits")
    done.set()
    await asyncio.gather(*clients)
    assert set(answered) == {"1", "2"}


async def test_an_unloaded_model_is_unknown_and_can_be_loaded_again(loaded: Models) -> None:
    changes: list[list[str]] = []
    loaded.on_change = lambda: changes.append(list(loaded.slots))
    await loaded.unload("digits")
    with pytest.raises(UnknownModel, match="none is"):
        loaded.get("digits")
    assert loaded.default is None
    await loaded.load("digits")
    assert len((await loaded.get("digits").infer(IMAGE))["probabilities"]) == 1
    assert changes == [[], ["digits"]]


async def test_a_model_under_another_name_is_listed_under_it(loaded: Models, own_repository: Path) -> None:
    await loaded.load_from(own_repository / "digits" / "1", "renamed")
    assert [entry.name for entry in loaded.index()] == ["digits", "renamed"]


async def test_what_is_loaded_while_the_server_stops_never_becomes_ready(loaded: Models) -> None:
    loaded.drain()
    await loaded.load("digits")
    with pytest.raises(NotReady, match="the server is stopping"):
        loaded.require_ready()
    assert len((await loaded.get("digits").infer(IMAGE))["probabilities"]) == 1


async def test_a_model_that_fails_to_load_at_the_start_stays_with_its_reason(own_repository: Path) -> None:
    path = own_repository / "digits" / "1" / "model.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    settings = Settings(model_repository=own_repository)
    made = Models([repository.find(own_repository, "digits")], settings, Metrics())
    await made.start()
    with pytest.raises(NotReady, match="SHA-256"):
        made.require_ready()
    made.require_live()
    assert made.metrics.ready() == 0
    made.close()
