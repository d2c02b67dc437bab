"""A worker: the model server without callers of its own, whose models answer jobs from the queue."""

import asyncio
import logging
import socket

from inference_app.asynchronous.consumer import Consumer
from inference_app.asynchronous.errors import JobsUnavailable
from inference_app.asynchronous.runner import STEPS, Runner
from inference_app.asynchronous.store import JobStore
from inference_app.http.lazy_app import LazyApp
from inference_app.http.server import Server, configure
from inference_app.repository import ModelVersion
from inference_app.settings import Settings

logger = logging.getLogger(__name__)

RECOVERY_SECONDS = 2

LEAVING_SECONDS = 2
"""Of the grace, for what is left when the jobs have ended."""


def run(versions: list[ModelVersion], settings: Settings, listener: socket.socket) -> int:
    """Work until a signal stops the process. Returns the exit status, 1 where the queue's client ended by itself."""
    for name in ("celery", "kombu"):
        logging.getLogger(name).setLevel(logging.WARNING)
    app = LazyApp(settings)
    worker = Worker(configure(app, settings), app, versions, settings, None)
    worker.run([listener])
    return int(worker.has_lost_queue)


class Worker(Server):
    """Probes and metrics as the server's; ready when its models are, and consuming from then on."""

    has_lost_queue = False
    _consumer: Consumer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to load the models; take jobs once they are ready."""
        await super().startup(sockets)
        self._consuming = asyncio.create_task(self._consume())

    async def _consume(self) -> None:
        await self._loading
        if not self._models.is_ready or self._draining:
            return
        self._store = JobStore(self._settings)
        loop, runner = asyncio.get_running_loop(), Runner(self._models, self._store, self._settings)

        def run_on_loop(job_id: str) -> float | None:
            return asyncio.run_coroutine_threadsafe(runner.run(job_id), loop).result()

        def end() -> None:
            loop.call_soon_threadsafe(self._end)

        self._consumer = Consumer(self._settings, run_on_loop, end)
        self._consumer.start()
        await self._recover()

    async def _recover(self) -> None:
        """Look for lost jobs, in the end for those that Celery does not know to be so."""
        patience = (STEPS + 1) * self._settings.jobs_timeout_seconds
        while True:
            await asyncio.sleep(RECOVERY_SECONDS)
            try:
                count = await self._store.recover(patience)
            except JobsUnavailable:
                continue
            if count:
                logger.warning("lost jobs are queued again", extra={"times": count})

    def _end(self) -> None:
        if not self._draining:
            logger.critical("the queue's client ended")
            self.has_lost_queue = True
        self._stop()

    def _drain(self) -> None:
        """On SIGTERM: no load balancer must learn of it, so there is no drain but that of the jobs that run."""
        if self._draining or self._consumer is None:
            self._stop()
            return
        self._draining = True
        logger.info("draining")
        self._models.drain()
        self._consumer.stop()
        asyncio.get_running_loop().call_later(self._settings.grace_seconds - LEAVING_SECONDS, self._stop)
