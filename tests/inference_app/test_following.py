"""A server that follows its repository's records."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from inference_app import following, models, repository
from inference_app.contract import Env, SwitchResult
from inference_app.following import Follower
from inference_app.metrics import Metrics
from inference_app.models import Models
from inference_app.process import ServerProcess
from inference_app.settings import Settings
from tests.inference_app.test_models import add_version


@pytest.fixture
def settings(own_repository: Path) -> Settings:
    """A copy of the shipped repository, at which nobody looks by himself in the time that a test takes."""
    return Settings(model_repository=own_repository, repository_poll_seconds=3600)


@pytest.fixture
async def followed(settings: Settings) -> AsyncGenerator[Models]:
    """Its model, loaded."""
    made = Models(models.find(settings), settings, Metrics())
    await made.start()
    yield made
    made.close()


def name_active(root: Path, version: str) -> None:
    """Write the record."""
    (root / "digits" / "active.json").write_text(json.dumps({"version": version}))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log warned of."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


async def test_a_model_becomes_what_its_record_names(followed: Models, settings: Settings) -> None:
    follower, served = Follower(followed, settings), [followed.get("digits")]
    await follower.look("digits")
    served.append(followed.get("digits"))
    add_version(settings.model_repository / "digits", "2")
    await follower.look("digits")
    assert served[0] is served[1]
    assert followed.get("digits").metadata.version == "2"


async def test_a_version_that_fails_is_tried_once_until_the_record_changes(
    followed: Models, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    follower, counts = Follower(followed, settings), followed.get("digits").metrics.switches
    add_version(settings.model_repository / "digits", "2", sha256="0" * 64)
    for _ in range(3):
        await follower.look("digits")
    once = counts[SwitchResult.FAILED], warnings(caplog)
    for version in ("1", "2"):
        name_active(settings.model_repository, version)
        await follower.look("digits")
    assert once == (1, ["the switch failed, this version stays"])
    assert counts == {SwitchResult.SWITCHED: 0, SwitchResult.FAILED: 2}
    assert followed.get("digits").is_ready_as("1")


async def test_a_version_that_is_missing_counts_as_failed(followed: Models, settings: Settings) -> None:
    name_active(settings.model_repository, "9")
    await Follower(followed, settings).look("digits")
    assert followed.get("digits").metrics.switches[SwitchResult.FAILED] == 1


async def test_a_record_that_cannot_be_read_is_said_once_and_read_again(
    followed: Models, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    follower = Follower(followed, settings)
    (settings.model_repository / "digits" / "active.json").write_text("{")
    for _ in range(3):
        await follower.look("digits")
    said = warnings(caplog)
    add_version(settings.model_repository / "digits", "2")
    await follower.look("digits")
    assert said == ["the record of a model cannot be read"]
    assert followed.get("digits").is_ready_as("2")


async def test_a_repository_that_does_not_answer_is_waited_for_beside_the_event_loop(
    followed: Models, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = threading.Event()
    read = repository.active_version

    def slowly(root: Path, name: str) -> str:
        answers.wait(10)
        return read(root, name)

    monkeypatch.setattr(following, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(repository, "active_version", slowly)
    looking = asyncio.create_task(Follower(followed, settings).look("digits"))
    async with asyncio.timeout(10):
        while not warnings(caplog):  # noqa: ASYNC110 - the log wakes nobody
            await asyncio.sleep(0.005)
    answers.set()
    await looking
    assert warnings(caplog) == ["the repository does not answer"]


async def test_a_pinned_model_is_not_followed_and_another_is(
    own_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    done = asyncio.Event()

    async def look(_: Follower, name: str) -> None:
        looked.append(name)
        done.set()

    monkeypatch.setattr(Follower, "look", look)
    settings = Settings(model_repository=own_repository, model_version="1", repository_poll_seconds=0.01)
    made = Models(models.find(settings), settings, Metrics())
    await made.start()
    await made.load_from(own_repository / "digits" / "1", "other")
    async with asyncio.timeout(10):
        await done.wait()
    made.close()
    assert set(looked) == {"other"}


async def test_whatever_goes_wrong_is_logged_and_the_next_record_is_followed(
    followed: Models, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: str) -> None:
        raise RuntimeError("a bug")

    follower = Follower(followed, settings)
    add_version(settings.model_repository / "digits", "2")
    with monkeypatch.context() as broken:
        broken.setattr(followed, "switch", fail)
        await follower.look("digits")
    add_version(settings.model_repository / "digits", "3")
    await follower.look("digits")
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "following the record of a model failed"
    ]
    assert followed.get("digits").is_ready_as("3")


async def test_a_server_that_stops_follows_no_more(followed: Models) -> None:
    following = [task for task in asyncio.all_tasks() if "Follower._run" in repr(task)]
    followed.drain()
    done, _ = await asyncio.wait(following, timeout=10)
    assert len(done) == 1


@pytest.mark.slow
def test_a_server_follows_its_record_without_being_told(own_repository: Path) -> None:
    add_version(own_repository / "digits", "2")
    name_active(own_repository, "1")
    with ServerProcess({Env.MODEL_REPOSITORY: str(own_repository), Env.REPOSITORY_POLL_SECONDS: "0.05"}) as server:
        server.until("ready")
        name_active(own_repository, "2")
        said = server.until("switched")
    assert (said["model"], said["version"], said["previous"]) == ("digits", "2", "1")
