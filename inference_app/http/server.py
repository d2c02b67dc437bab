"""The process: a listening socket, uvicorn around the lane and the application, and a stop that loses no request."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from inference_app import api_keys, tracing
from inference_app.contract import ExecutionProvider, request_buckets
from inference_app.errors import ConfigurationError
from inference_app.http.connection import Connection
from inference_app.http.lane import Lane
from inference_app.http.lazy_app import LazyApp
from inference_app.http.turns import KEEP_ALIVE_SECONDS
from inference_app.metrics import Metrics
from inference_app.models import Models
from inference_app.repository import ModelVersion
from inference_app.settings import Settings

if TYPE_CHECKING:
    from inference_app.grpc.server import GrpcServer
    from inference_app.siblings import Siblings

logger = logging.getLogger(__name__)

BACKLOG = 2048
TRACES_SECONDS = 2
"""How long a stopping server tries to export its last traces."""
TICKS_BETWEEN_CLOCKS = 5
"""uvicorn ticks ten times a second; connections that have been quiet too long are looked for twice."""
TICKS_BETWEEN_DATES = 10


def listen(settings: Settings) -> socket.socket:
    """A listening socket; raises `ConfigurationError` when host and port cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise ConfigurationError(f"cannot listen on {settings.host}:{settings.port}: {reason}") from None


def run(
    versions: list[ModelVersion], settings: Settings, listener: socket.socket, siblings: "Siblings | None" = None
) -> int:
    """Serve until a signal stops the process; `siblings` are the other processes on the port, where there are any.

    Returns the exit status.
    """
    app = LazyApp(settings)
    Server(configure(app, settings), app, versions, settings, siblings).run([listener])
    return 0


def configure(app: LazyApp, settings: Settings) -> uvicorn.Config:
    """What uvicorn needs to know; the lane follows when the models are there."""
    return uvicorn.Config(
        app,
        http=Connection,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.grace_seconds - settings.drain_seconds),
    )


def _metrics(settings: Settings, siblings: "Siblings | None") -> Metrics:
    target = settings.latency_target_ms
    has_gpu = settings.execution_provider is ExecutionProvider.CUDA
    return Metrics(
        siblings,
        request_bounds=request_buckets(target / 1000 if target else None),
        gpu=settings.gpu_device_id if has_gpu else None,
    )


class Server(uvicorn.Server):
    """uvicorn that stops in two steps on SIGTERM: unready but answering for the drain, then gone when all is answered.

    uvicorn alone closes idle connections at once, and requests already on their way through them are lost.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        app: LazyApp,
        versions: list[ModelVersion],
        settings: Settings,
        siblings: "Siblings | None",
    ) -> None:
        super().__init__(config)
        self._app = app
        self._versions = versions
        self._settings = settings
        self._siblings = siblings
        self._draining = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, log where, and begin to load the models: the server is live before it is ready.

        A worker that replaces another one loads first, since its siblings answer meanwhile.
        """
        settings, siblings = self._settings, self._siblings
        self._models = self._app.models = Models(self._versions, settings, _metrics(settings, siblings), siblings)
        self._tracer = tracing.start(settings)
        self._lane = Lane(
            self._models,
            max_buffered=settings.max_buffered_bytes,
            tracer=self._tracer,
            keys=api_keys.of(settings),
        )
        limits: dict[str, Any] = {
            "lane": self._lane,
            "max_body_bytes": settings.max_body_bytes,
            "read_timeout_seconds": settings.read_timeout_seconds,
        }
        self.config.http_protocol_class = type("Connection", (Connection,), limits)
        self._loading = asyncio.create_task(self._models.start())
        if settings.admin_token is not None or settings.jobs_url is not None:
            await self._app.prepare()  # a call that switches models or submits a job must not be the first to need it
        self._counting = asyncio.create_task(self._count_jobs())  # with what was just loaded on a thread
        if siblings is not None and siblings.replaces:
            await self._loading
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            logger.info("listening", extra={"host": host, "port": port})
        self._grpc = await self._serve_grpc()

    async def _count_jobs(self) -> None:
        if self._settings.jobs_url is not None:
            from inference_app.asynchronous.counting import count_jobs  # with Redis's client

            await count_jobs(self._settings, self._models.metrics)

    async def _serve_grpc(self) -> "GrpcServer | None":
        if self._settings.grpc_port is None:
            return None
        from inference_app.grpc import server  # as large as the rest of the process, and rarely asked for

        return await server.serve(self._models, self._settings, self._tracer)

    async def on_tick(self, counter: int) -> bool:
        """Close connections that have been quiet for too long, and let the other workers know."""
        if counter % TICKS_BETWEEN_CLOCKS == 0:
            self._models.tell_siblings()
            now = time.perf_counter()
            for connection in cast("list[Connection]", list(self.server_state.connections)):
                connection.check_clock(now)
        stops = await super().on_tick(counter)
        if counter % TICKS_BETWEEN_DATES == 0:
            self._lane.set_default_headers(self.server_state.default_headers)
        return stops

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is in flight, then end the models."""
        self._models.tell_siblings(is_last=True)
        ends = [super().shutdown(sockets)]
        if self._grpc is not None:
            ends.append(self._grpc.stop(float(self.config.timeout_graceful_shutdown or 0)))
        await asyncio.gather(*ends)
        self._models.tell_siblings(is_last=True)
        self._loading.cancel()
        self._counting.cancel()
        self._models.close()
        if self._tracer is not None:
            await asyncio.to_thread(self._tracer.close, TRACES_SECONDS)

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
        seconds = self._settings.drain_seconds
        logger.info("draining", extra={"duration_seconds": seconds})
        self._models.drain()
        self._close_connections_after_answers()
        asyncio.get_running_loop().call_later(seconds, self._stop)

    def _close_connections_after_answers(self) -> None:
        # uvicorn rebuilds the second list from the first every second; requests in flight hold on to the second.
        close = (b"connection", b"close")
        self.config.encoded_headers.append(close)
        self.server_state.default_headers.append(close)
        self._lane.set_default_headers(self.server_state.default_headers)
        self._lane.drain()

    def _stop(self) -> None:
        self._models.drain()
        self.force_exit = self.should_exit
        self.should_exit = True
