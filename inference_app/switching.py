"""Which version a model may be switched to, and that one switch comes after another."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from inference_app import repository
from inference_app.errors import ConfigurationError, InsufficientMemory, ModelUnusable, NotInRepository, SwitchRefused
from inference_app.repository import ModelVersion
from inference_app.settings import Settings

T = TypeVar("T")

FAILURES = (ConfigurationError, ModelUnusable, InsufficientMemory)
"""Why a version does not come into service."""


@dataclass(frozen=True)
class Switched:
    """Which version of a model answers now, which one did before, and the seconds until the old one was gone."""

    model: str
    version: str
    previous: str
    seconds: float


class Exchanges:
    """Runs one exchange of models after another."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    def require_none(self) -> None:
        """Raise `SwitchRefused` while one runs."""
        if self._lock.locked():
            raise SwitchRefused("another model or version is being loaded; try again when that has ended")

    async def run(self, exchange: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run one to its end even if the caller leaves, for half of one keeps two models; raises what it raises."""
        await self._lock.acquire()
        running = asyncio.create_task(exchange())
        running.add_done_callback(lambda _: self._lock.release())
        return await asyncio.shield(running)


def pinned(settings: Settings, name: str) -> str | None:
    """The version that the settings hold a model to, if they do."""
    return settings.model_version if name == settings.model_name else None


def find(settings: Settings, name: str, version: str | None) -> ModelVersion:
    """A version of the repository, the active one unless named, that declares to be what its place says.

    Reads files, which may take long. Raises `NotInRepository` or `ModelUnusable`.
    """
    try:
        found = repository.find(settings.model_repository, name, version)
    except NotInRepository:
        raise
    except (ConfigurationError, OSError) as error:
        raise ModelUnusable(str(error)) from error
    declared = found.metadata
    if (declared.name, declared.version) != (name, found.directory.name):
        raise ModelUnusable(f"metadata.json in {found.directory} is of version {declared.version} of {declared.name}")
    return found


def choose(settings: Settings, name: str, version: str | None) -> ModelVersion:
    """The version that a call may switch a model to; raises as `find` does, and `SwitchRefused`.

    What the settings say holds: the pinned version, or, where the server follows it, the one that active.json names.
    """
    held = pinned(settings, name)
    if held is not None:
        raise SwitchRefused(f"MODEL_VERSION pins {name} to version {held}; change the setting")
    if version is not None and settings.repository_poll_seconds:
        active = repository.active_version(settings.model_repository, name)
        if version != active:
            raise SwitchRefused(f"{name} follows its active.json, which names version {active}; change it there")
    return find(settings, name, version)
