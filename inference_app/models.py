"""The models of one server, by name."""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference_app import repository
from inference_app.errors import ModelUnusable, NotReady, SeveralWorkers, UnknownModel
from inference_app.health import State
from inference_app.metrics import Metrics
from inference_app.repository import ModelVersion
from inference_app.served_model import ServedModel
from inference_app.settings import Settings

if TYPE_CHECKING:
    from inference_app.siblings import Siblings


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
        self.slots = {version.metadata.name: Slot(ServedModel(version, settings, metrics)) for version in versions}
        self.on_change: Callable[[], None] = lambda: None
        self._loading = asyncio.Lock()
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
        await asyncio.gather(*(slot.model.load() for slot in self.slots.values()), return_exceptions=True)
        self.tell_siblings()
        # What is loaded stays: a full collection would look at all of it again, tens of milliseconds each time.
        gc.freeze()

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

    async def load(self, name: str, version: str | None = None) -> None:
        """Load a model of the repository, or exchange the one in service for what the repository now holds.

        Requests reach the old one until the new one has proven itself. Raises `ConfigurationError` or `ModelUnusable`,
        and the old one stays.
        """
        await self._install(name, repository.find(self._settings.model_repository, name, version))

    async def load_from(self, directory: Path, name: str) -> None:
        """Load the version in a folder and answer for it under a name of the caller's choice; raises as `load` does."""
        await self._install(name, repository.read(directory))

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
        for slot in self.slots.values():
            slot.model.drain()

    def close(self) -> None:
        """End every model."""
        for slot in self.slots.values():
            slot.model.close()

    def _unready(self) -> str:
        models = (slot.model.health for slot in self.slots.values())
        return next((health.reason for health in models if not health.is_ready), "")

    def _dead(self) -> str:
        models = (slot.model.health for slot in self.slots.values())
        return next((health.reason for health in models if not health.is_live), "")

    def _require_one_worker(self) -> None:
        if self._settings.workers > 1:
            raise SeveralWorkers(f"this is one of WORKERS={self._settings.workers}; restart the server instead")

    async def _install(self, name: str, version: ModelVersion) -> None:
        self._require_one_worker()
        async with self._loading:
            model = await self._prove(version)
            slot = self.slots.get(name)
            if slot is None:
                self.slots[name] = Slot(model)
                self.on_change()
                return
            slot.model, old = model, slot.model
            self.on_change()
            await self._retire(old)

    async def _prove(self, version: ModelVersion) -> ServedModel:
        model = ServedModel(version, self._settings, self.metrics)
        try:
            await model.load()
        except ModelUnusable:
            self.metrics.remove_model(version.metadata.name, version.metadata.version)
            raise
        if self._draining:
            model.drain()
        return model

    async def _retire(self, model: ServedModel) -> None:
        await model.retire()
        self.metrics.remove_model(model.metadata.name, model.metadata.version)


def _require(reason: str) -> None:
    if reason:
        raise NotReady(reason)
