import asyncio
import gc
import json
import shutil
import threading
import weakref
from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference_app import memory, model, models, repository
from inference_app.contract import SwitchResult
from inference_app.errors import (
    ConfigurationError,
    InsufficientMemory,
    ModelUnusable,
    NotInRepository,
    NotReady,
    SeveralWorkers,
    SwitchRefused,
    UnknownModel,
)
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


def are_gone(references: list[weakref.ref[Any]]) -> bool:
    """Whether nothing holds what they refer to."""
    return not any(reference() for reference in references)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody announces."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def started(own_repository: Path, **settings: Any) -> AsyncGenerator[Models]:
    """The shipped model, loaded from a copy of its repository."""
    wanted = Settings(model_repository=own_repository, **settings)
    made = Models(models.find(wanted), wanted, Metrics())
    await made.start()
    yield made
    made.close()


@pytest.fixture
async def loaded(own_repository: Path) -> AsyncGenerator[Models]:
    """The same with the default settings."""
    async for made in started(own_repository):
        yield made


class Gate:
    """Lets no model load until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._load = model.load
        self.reached = threading.Event()
        self.opened = threading.Event()
        monkeypatch.setattr(model, "load", self._pass)

    def _pass(self, *arguments: Any) -> model.Model:
        self.reached.set()
        self.opened.wait(10)
        return self._load(*arguments)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A closed one."""
    return Gate(monkeypatch)


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


async def test_what_a_load_and_a_retired_model_free_is_given_back(
    monkeypatch: pytest.MonkeyPatch, loaded: Models
) -> None:
    trimmed: list[list[str]] = []
    monkeypatch.setattr(memory, "trim", lambda: trimmed.append(list(loaded.slots)))
    await loaded.load("digits")
    assert trimmed == [["digits"], ["digits"]]
    await loaded.unload("digits")
    assert trimmed[2:] == [[]]


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


async def test_a_switch_says_what_it_did_and_counts_it(loaded: Models, own_repository: Path) -> None:
    add_version(own_repository / "digits", "2")
    switched = await loaded.switch()
    counts = loaded.get("digits", "2").metrics
    assert (switched.model, switched.version, switched.previous, switched.seconds > 0) == ("digits", "2", "1", True)
    assert counts.switches == {SwitchResult.SWITCHED: 1, SwitchResult.FAILED: 0}
    assert sum(counts.load_duration.counts) == 2


async def test_the_counts_of_a_version_end_with_it(loaded: Models, own_repository: Path) -> None:
    add_version(own_repository / "digits", "2")
    loaded.metrics.models["digits", "1"].routes["/predict"].observe(200, 0.001)
    old, metrics = loaded.get("digits"), loaded.metrics
    await loaded.switch()
    old.metrics.routes["/predict"].observe(503, 0.001)  # who has come too late to be answered by it
    assert [list(model.routes) for model in metrics.models.values()] == [[]]
    assert list(metrics.models) == [("digits", "2")]


async def test_a_version_may_be_named(loaded: Models, own_repository: Path) -> None:
    add_version(own_repository / "digits", "2")
    add_version(own_repository / "digits", "3")
    assert (await loaded.switch("digits", "2")).version == "2"


async def test_what_is_in_service_already_is_not_loaded_again(loaded: Models) -> None:
    old = loaded.get("digits")
    switched = await loaded.switch()
    assert (switched.version, switched.previous, switched.seconds) == ("1", "1", 0.0)
    assert loaded.get("digits") is old
    assert sum(old.metrics.switches.values()) == 0


async def test_a_version_that_failed_at_the_start_is_loaded_again(own_repository: Path) -> None:
    path = own_repository / "digits" / "1" / "model.onnx"
    content = path.read_bytes()
    path.write_bytes(content + b"\0")
    async for made in started(own_repository):
        path.write_bytes(content)
        await made.switch()
        made.require_ready()


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("model.onnx", b"damaged", "SHA-256"),
        ("metadata.json", b"{", "metadata.json: Invalid JSON"),
        ("golden.json", b"{}", "no golden input"),
    ],
)
async def test_a_version_that_cannot_be_served_leaves_the_old_one(
    loaded: Models, own_repository: Path, file: str, content: bytes, reason: str
) -> None:
    add_version(own_repository / "digits", "2")
    (own_repository / "digits" / "2" / file).write_bytes(content)
    with pytest.raises(ModelUnusable, match=reason):
        await loaded.switch()
    assert loaded.get("digits", "1").metrics.switches[SwitchResult.FAILED] == 1
    assert list(loaded.metrics.models) == [("digits", "1")]


async def test_a_folder_that_holds_another_version_than_its_name_says_is_refused(
    loaded: Models, own_repository: Path
) -> None:
    shutil.copytree(own_repository / "digits" / "1", own_repository / "digits" / "2")
    with pytest.raises(ModelUnusable, match="is of version 1 of digits"):
        await loaded.switch("digits", "2")


@pytest.mark.parametrize("version", ["9", "../1", ""])
async def test_a_version_that_is_not_there_is_said_to_be_missing(loaded: Models, version: str) -> None:
    if not version:
        shutil.rmtree(loaded.get("digits").version.directory)
    with pytest.raises(NotInRepository, match="MODEL_VERSION"):
        await loaded.switch("digits", version or None)
    assert len((await loaded.get("digits").infer(IMAGE))["probabilities"]) == 1


async def test_a_model_that_is_not_served_cannot_be_switched(loaded: Models) -> None:
    with pytest.raises(UnknownModel, match="model cats is not served here"):
        await loaded.switch("cats")


async def test_a_model_without_room_beside_the_old_one_is_refused(
    loaded: Models, own_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_version(own_repository / "digits", "2")
    monkeypatch.setattr(memory, "available", lambda: 1)
    with pytest.raises(InsufficientMemory, match="the server may take 1 more"):
        await loaded.switch()
    assert loaded.get("digits", "1").metrics.switches[SwitchResult.FAILED] == 1


async def test_a_switch_does_not_wait_behind_another(loaded: Models, own_repository: Path, gate: Gate) -> None:
    add_version(own_repository / "digits", "2")
    first = asyncio.create_task(loaded.switch())
    await asyncio.to_thread(gate.reached.wait, 10)
    with pytest.raises(SwitchRefused, match="is being loaded"):
        await loaded.switch()
    gate.opened.set()
    assert (await first).version == "2"
    assert (await loaded.switch("digits", "1")).version == "1"


async def test_a_switch_ends_even_if_its_caller_leaves(loaded: Models, own_repository: Path, gate: Gate) -> None:
    add_version(own_repository / "digits", "2")
    caller = asyncio.create_task(loaded.switch())
    await asyncio.to_thread(gate.reached.wait, 10)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    gate.opened.set()
    await until(lambda: list(loaded.metrics.models) == [("digits", "2")])


async def test_a_pinned_model_stays_what_the_settings_say(own_repository: Path) -> None:
    async for made in started(own_repository, model_version="1"):
        add_version(own_repository / "digits", "2")
        for version in (None, "1", "2"):
            with pytest.raises(SwitchRefused, match="MODEL_VERSION pins digits to version 1"):
                await made.switch("digits", version)
        await made.load("digits")
        assert made.get("digits").metadata.version == "1"


async def test_a_model_that_follows_its_record_is_switched_to_nothing_else(own_repository: Path) -> None:
    async for made in started(own_repository, repository_poll_seconds=3600):
        add_version(own_repository / "digits", "2")
        add_version(own_repository / "digits", "3")
        with pytest.raises(SwitchRefused, match=r"active\.json, which names version 3"):
            await made.switch("digits", "2")
        assert (await made.switch("digits", "3")).version == "3"


async def test_one_of_several_workers_is_not_switched(own_repository: Path) -> None:
    async for made in started(own_repository, workers=2):
        with pytest.raises(SeveralWorkers, match="WORKERS=2"):
            await made.switch()


@pytest.mark.parametrize("execution", ["inline", "threads"])
async def test_the_old_model_is_freed_at_once(own_repository: Path, execution: str) -> None:
    async for made in started(own_repository, execution=execution):
        add_version(own_repository / "digits", "2")
        await made.get("digits").infer(IMAGE)
        serving = made.get("digits").enter()
        freed = [weakref.ref(serving.model), weakref.ref(serving.batcher)]
        serving.leave()
        del serving
        gc.disable()
        try:
            await made.switch()
            await until(partial(are_gone, freed))
        finally:
            gc.enable()
