"""The models of one server, by name."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inference_app import memory, repository, result_cache, switching
from inference_app.contract import SwitchResult
from inference_app.errors import NotReady, SeveralWorkers, UnknownModel
from inference_app.following import Follower
from inference_app.health import State
from inference_app.metrics import Metrics
from inference_app.repository import ModelVersion
from inference_app.served_model import ServedModel
from inference_app.settings import Settings
from inference_app.switching import FAILURES, Exchanges, Switched

if TYPE_CHECKING:
    from inference_app.siblings import Siblings

logger = logging.getLogger(__name__)


@dataclass
class Slot:
    """A name that requests go to; the model behind it may be exchanged at any time."""

    model: ServedModel


@dataclass(frozen=True)
class IndexEntry:
    """A model as a repository's index lists it."""

    name: str
    version: str
    state: State
    reason: str


def find(settings: Settings) -> list[ModelVersion]:
    """The versions that the settings name, the default one first; none on a multi-model endpoint.

    Raises `ConfigurationError`.
    """
    if settings.sagemaker_multi_model:
        return []
    first = repository.find(settings.model_repository, settings.model_name, settings.model_version)
    return [first, *(repository.find(settings.model_repository, name) for name in settings.extra_models)]


class Models:
    """Loads, lists, exchanges and unloads; lives on the event loop."""

    def __init__(
        self,
        versions: list[ModelVersion],
        settings: Settings,
        metrics: Metrics,
        siblings: "Siblings | None" = None,
    ) -> None:
        """`siblings` are the workers without which the server is neither ready nor live."""
        self._settings = settings
        self._siblings = siblings
        self.metrics = metrics
        self._cache = result_cache.of(settings)
        self.slots = {version.metadata.name: Slot(self._model(version)) for version in versions}
        self.on_change: Callable[[], None] = lambda: None
        self._exchanges = Exchanges()
        self._follower = Follower(self, settings)
        self._draining = False
        metrics.ready = lambda: float(self.is_ready)

    @property
    def is_ready(self) -> bool:
        """Whether every model is ready."""
        return all(slot.model.health.is_ready for slot in self.slots.values())

    @property
    def default(self) -> ServedModel | None:
        """The model that requests reach without a name; None where there is none."""
        return next((slot.model for slot in self.slots.values()), None)

    async def start(self) -> None:
        """Load all; those that fail stay, not ready, with their reason."""
        if self._cache is not None:
            self._cache.start()
        await self._exchanges.run(self._load_all)
        self.tell_siblings()
        # What is loaded stays: a full collection would look at all of it again, tens of milliseconds each time.
        gc.freeze()
        self._follower.start()

    def get(self, name: str, version: str | None = None) -> ServedModel:
        """A model by name; raises `UnknownModel` unless it is served, in this version where one is given."""
        slot = self.slots.get(name)
        if slot is None:
            raise UnknownModel(f"model {name} is not served here; {', '.join(self.slots) or 'none'} is")
        served = slot.model.metadata.version
        if version not in (None, served):
            raise UnknownModel(f"version {version} of {name} is not served here; {served} is")
        return slot.model

    def index(self) -> list[IndexEntry]:
        """Every model with its state."""
        models = [(name, slot.model) for name, slot in self.slots.items()]
        return [
            IndexEntry(name, model.metadata.version, model.health.state, model.health.reason) for name, model in models
        ]

    async def load(self, name: str) -> None:
        """Load a model of the repository, or exchange the one in service for what the repository now holds.

        Requests reach the old one until the new one has proven itself. Raises `NotInRepository`, `ModelUnusable` or
        `InsufficientMemory`, and the old one stays.
        """
        pinned = switching.pinned(self._settings, name)
        await self._exchange(name, partial(switching.find, self._settings, name, pinned))

    async def load_from(self, directory: Path, name: str) -> None:
        """Load the version in a folder and answer for it under a name of the caller's choice.

        Raises as `load` does, and `ConfigurationError` where the folder holds no version.
        """
        await self._exchange(name, partial(repository.read, directory))

    async def switch(self, name: str | None = None, version: str | None = None) -> Switched:
        """Exchange a model in service, the default one unless named, for a version, the active one unless named.

        Raises as `load` does, `UnknownModel` where no such model is served, and `SwitchRefused` or `SeveralWorkers`
        where this server does not take another version, or not now.
        """
        name = name or next(iter(self.slots), "")
        self.get(name)
        self._exchanges.require_none()
        return await self._exchange(name, partial(switching.choose, self._settings, name, version), again=False)

    async def unload(self, name: str) -> None:
        """Take a model out of service when its last request is answered; raises `UnknownModel`."""
        model = self.get(name)
        self._require_one_worker()
        del self.slots[name]
        self.on_change()
        await self._retire(model)

    def require_ready(self) -> None:
        """Raise `NotReady` with the reason of the first model, or the first other worker, that is not ready."""
        _require(self._unready())
        if self._siblings is not None:
            self._siblings.require_ready()

    def require_live(self) -> None:
        """Raise `NotReady` with the reason of the first model, or other worker, that only a restart would help."""
        _require(self._dead())
        if self._siblings is not None:
            self._siblings.require_live()

    def tell_siblings(self, *, is_last: bool = False) -> None:
        """Report to the other workers; to be called once a second at least, unless it was the last time."""
        if self._siblings is not None:
            self._siblings.tell(unready=self._unready(), dead=self._dead(), metrics=self.metrics, is_last=is_last)

    def drain(self) -> None:
        """Stop being ready; requests are still answered."""
        self._draining = True
        self._follower.stop()
        for slot in self.slots.values():
            slot.model.drain()

    def close(self) -> None:
        """End every model."""
        self._follower.stop()
        for slot in self.slots.values():
            slot.model.close()
        if self._cache is not None:
            self._cache.close()

    def _model(self, version: ModelVersion) -> ServedModel:
        return ServedModel(version, self._settings, self.metrics, self._cache)

    async def _load_all(self) -> None:
        await asyncio.gather(*(slot.model.load() for slot in self.slots.values()), return_exceptions=True)

    def _unready(self) -> str:
        models = (slot.model.health for slot in self.slots.values())
        return next((health.reason for health in models if not health.is_ready), "")

    def _dead(self) -> str:
        models = (slot.model.health for slot in self.slots.values())
        return next((health.reason for health in models if not health.is_live), "")

    def _require_one_worker(self) -> None:
        if self._settings.workers > 1:
            raise SeveralWorkers(f"this is one of WORKERS={self._settings.workers}; restart the server instead")

    async def _exchange(self, name: str, find: Callable[[], ModelVersion], *, again: bool = True) -> Switched:
        """Put what `find` finds on a thread into service; what is in service and ready already, only `again`."""
        self._require_one_worker()
        return await self._exchanges.run(partial(self._install, name, find, again=again))

    async def _install(self, name: str, find: Callable[[], ModelVersion], *, again: bool) -> Switched:
        started = time.perf_counter()
        try:
            version = await asyncio.to_thread(find)
            wanted = version.metadata.version
            if not again and self.get(name).is_ready_as(wanted):
                return Switched(name, wanted, wanted, 0.0)
            await asyncio.to_thread(memory.require_room, version.directory)
            model = await self._prove(version)
        except FAILURES as error:
            if name in self.slots:
                self.slots[name].model.outlast(error)
            raise
        previous = await self._put(name, model)
        return Switched(name, wanted, previous, round(time.perf_counter() - started, 3))

    async def _prove(self, version: ModelVersion) -> ServedModel:
        model = self._model(version)
        try:
            await model.load()
        except BaseException:
            self.metrics.remove_model(version.metadata.name, version.metadata.version)
            raise
        if self._draining:
            model.drain()
        return model

    async def _put(self, name: str, model: ServedModel) -> str:
        """Send requests to a model from now on, and end the one before; its version is returned, where there is one."""
        slot = self.slots.get(name)
        if slot is None:
            self.slots[name] = Slot(model)
            self.on_change()
            return ""
        slot.model, old = model, slot.model
        model.metrics.switches[SwitchResult.SWITCHED] += 1
        extra = {"model": name, "version": model.metadata.version, "previous": old.metadata.version}
        logger.info("switched", extra=extra)
        self.on_change()
        await self._retire(old)
        return old.metadata.version

    async def _retire(self, model: ServedModel) -> None:
        await model.retire()
        self.metrics.remove_model(model.metadata.name, model.metadata.version)
        await asyncio.to_thread(memory.trim)


def _require(reason: str) -> None:
    if reason:
        raise NotReady(reason)
