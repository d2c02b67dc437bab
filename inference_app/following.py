"""Following the repository: a model is switched when its active.json names another version."""

import asyncio
import logging
from typing import TYPE_CHECKING

from inference_app import repository, switching
from inference_app.errors import ConfigurationError, SwitchRefused
from inference_app.settings import Settings
from inference_app.switching import FAILURES

if TYPE_CHECKING:
    from inference_app.models import Models

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 10
"""How long reading a record may take before the log says so; a volume that is gone may never answer."""


class Follower:
    """Looks at the record of each served model that no setting pins; lives on the event loop."""

    def __init__(self, models: "Models", settings: Settings) -> None:
        self._models = models
        self._settings = settings
        self._given_up: dict[str, str] = {}
        """Versions that failed, by model: left alone until the record names another."""
        self._unread: dict[str, str] = {}
        """Why records could not be read, by model; each reason is logged once."""
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look again and again, if the settings say how often."""
        if self._settings.repository_poll_seconds:
            self._running = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Look no more."""
        if self._running is not None:
            self._running.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.repository_poll_seconds)
            for name in list(self._models.slots):
                if switching.pinned(self._settings, name) is None:
                    await self.look(name)

    async def look(self, name: str) -> None:
        """Read a model's record, and switch to the version that it names, unless that is served or has failed."""
        try:
            active = await self._active(name)
        except (ConfigurationError, OSError) as error:
            if self._unread.get(name) != str(error):
                self._unread[name] = str(error)
                logger.warning("the record of a model cannot be read", extra={"model": name, "reason": str(error)})
            return
        self._unread.pop(name, None)
        if self._given_up.get(name) != active:
            self._given_up.pop(name, None)
            await self._switch(name, active)

    async def _switch(self, name: str, version: str) -> None:
        slot = self._models.slots.get(name)
        if slot is None or slot.model.metadata.version == version:
            return
        try:
            await self._models.switch(name)
        except SwitchRefused:
            return  # another is being loaded; the record is there the next time too
        except FAILURES:
            self._given_up[name] = version  # the log has the reason already
        except Exception:
            self._given_up[name] = version
            logger.exception("following the record of a model failed", extra={"model": name})

    async def _active(self, name: str) -> str:
        reading = asyncio.create_task(
            asyncio.to_thread(repository.active_version, self._settings.model_repository, name)
        )
        done, _ = await asyncio.wait({reading}, timeout=PATIENCE_SECONDS)
        if not done:
            extra = {"model": name, "duration_seconds": PATIENCE_SECONDS}
            logger.warning("the repository does not answer", extra=extra)
        return await reading
