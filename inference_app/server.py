"""The process: a listening socket, uvicorn around the application, and a stop that loses no request."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from inference_app.app import create_app
from inference_app.connection import Connection
from inference_app.errors import ConfigurationError
from inference_app.repository import ModelVersion
from inference_app.service import Service
from inference_app.settings import Settings

logger = logging.getLogger(__name__)

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
"""Longer than a load balancer keeps idle connections (60 s on AWS), so that it never reuses one closed here."""


def listen(settings: Settings) -> socket.socket:
    """A listening socket; raises `ConfigurationError` when host and port cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise ConfigurationError(f"cannot listen on {settings.host}:{settings.port}: {reason}") from None


def run(version: ModelVersion, settings: Settings, listener: socket.socket) -> None:
    """Serve until a signal stops the process."""
    service = Service(version, settings)
    config = uvicorn.Config(
        create_app(service, settings),
        http=type("Connection", (Connection,), {"read_timeout_seconds": settings.read_timeout_seconds}),
        loop="uvloop",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.grace_seconds - settings.drain_seconds),
    )
    Server(config, service, settings.drain_seconds).run([listener])


class Server(uvicorn.Server):
    """uvicorn that stops in two steps on SIGTERM: unready but answering for the drain, then gone when all is answered.

    uvicorn alone closes idle connections at once, and requests already on their way through them are lost.
    """

    def __init__(self, config: uvicorn.Config, service: Service, drain_seconds: float) -> None:
        super().__init__(config)
        self._service = service
        self._drain_seconds = drain_seconds
        self._draining = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and log where."""
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            logger.info("listening", extra={"host": host, "port": port})

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """SIGTERM drains; SIGINT, which a person sends, stops without a drain; a second signal hurries either."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._drain)
        loop.add_signal_handler(signal.SIGINT, self._stop)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            loop.remove_signal_handler(signal.SIGINT)

    def _drain(self) -> None:
        if self._draining:
            self._stop()
            return
        self._draining = True
        logger.info("draining", extra={"seconds": self._drain_seconds})
        self._service.drain()
        self._close_connections_after_answers()
        asyncio.get_running_loop().call_later(self._drain_seconds, self._stop)

    def _close_connections_after_answers(self) -> None:
        # uvicorn rebuilds the second list from the first every second; requests in flight hold on to the second.
        close = (b"connection", b"close")
        self.config.encoded_headers.append(close)
        self.server_state.default_headers.append(close)

    def _stop(self) -> None:
        self._service.drain()
        self.force_exit = self.should_exit
        self.should_exit = True
