"""Celery's side of a worker: takes jobs from the queue, as many at a time as there are threads to wait for them."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# Celery has no types.

import logging
import ssl
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from celery import Celery, Task
from celery.exceptions import Reject
from celery.worker import WorkController, state

from inference_app.asynchronous.message import TASK
from inference_app.asynchronous.runner import STEPS
from inference_app.contract import JOB_QUEUE
from inference_app.logs import outline
from inference_app.settings import Settings

logger = logging.getLogger(__name__)

Run = Callable[[str], float | None]
"""Makes an attempt at a job; seconds to the next one, None where none is needed."""


def make_app(settings: Settings, run: Run) -> Celery:
    """An application with one task."""
    app = Celery("inference")
    app.conf.update(configuration(settings))

    def infer(task: Task, job_id: str) -> None:
        try:
            wait = run(job_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, the job is not lost
            logger.warning("a job goes back to the queue", extra={"exception": outline(error)})
            raise Reject(type(error).__name__, requeue=True) from None
        if wait is not None:
            raise task.retry(countdown=wait)

    app.set_default()  # threads of the pool look for their tasks there
    # Acknowledged when it is done: a job of a worker that is killed comes back.
    app.task(infer, bind=True, name=TASK, acks_late=True, reject_on_worker_lost=True, max_retries=None, shared=False)
    return app


def configuration(settings: Settings) -> dict[str, Any]:
    """Nothing but JSON goes in, and nothing comes out: answers lie with their jobs.

    https://docs.celeryq.dev/en/stable/userguide/configuration.html
    """
    url = broker_url(settings)
    return {
        "broker_url": url,
        "broker_use_ssl": {"ssl_cert_reqs": ssl.CERT_REQUIRED} if url.startswith("rediss") else False,
        "broker_connection_max_retries": None,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "visibility_timeout": STEPS * settings.jobs_timeout_seconds,
            "unacked_key": f"{JOB_QUEUE}:begun",
            "unacked_index_key": f"{JOB_QUEUE}:begun:index",
            "unacked_mutex_key": f"{JOB_QUEUE}:begun:mutex",
            # Look for jobs of lost workers each second; it is one command.
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
        },
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_default_queue": JOB_QUEUE,
        "task_ignore_result": True,
        "worker_enable_remote_control": False,
        "worker_prefetch_multiplier": 1,
    }


def broker_url(settings: Settings) -> str:
    """Where the queue is, with the password, which Celery takes nowhere else."""
    scheme, _, place = (settings.jobs_url or "").partition("://")
    if settings.jobs_password is None:
        return f"{scheme}://{place}"
    user, at, host = place.rpartition("@")
    return f"{scheme}://{user if at else ''}:{quote(settings.jobs_password.get_secret_value(), safe='')}@{host}"


def _tell(_: object) -> None:
    logger.info("consuming")


class Consumer:
    """A worker of Celery's on a thread; the process's signals are the server's."""

    def __init__(self, settings: Settings, run: Run, on_end: Callable[[], None]) -> None:
        """`on_end` is called on that thread when nothing runs any more."""
        self._on_end = on_end
        self._controller = WorkController(
            app=make_app(settings, run),
            pool="threads",
            concurrency=settings.jobs_concurrency,
            ready_callback=_tell,
            without_gossip=True,
            without_heartbeat=True,
            without_mingle=True,
        )
        self._thread = threading.Thread(target=self._work, name="consumer", daemon=True)

    def start(self) -> None:
        """Take jobs."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more; what runs is finished, and what was taken but not begun goes back."""
        state.should_stop = 0

    def _work(self) -> None:
        try:
            self._controller.start()
        finally:
            self._on_end()
