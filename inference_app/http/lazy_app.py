"""The application, imported when something asks for it: most servers only ever see the lane, and start faster so."""

import asyncio
from typing import TYPE_CHECKING

from inference_app.models import Models
from inference_app.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class LazyApp:
    """An ASGI application that makes the real one at its first request."""

    models: Models

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on; the first one waits for the import."""
        app = await self.prepare()
        await app(scope, receive, send)

    async def prepare(self) -> "ASGIApp":
        """The real one; making it takes part of a second on a thread, which requests to models would feel."""
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(self._make)
        return self._app

    def _make(self) -> "ASGIApp":
        from inference_app.http.app import create_app

        return create_app(self.models, self._settings)
