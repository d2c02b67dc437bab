"""Asynchronous inference: a request becomes a job in Redis, which a worker runs later; off by default.

The server puts a job there in one step and frees its caller. What a job is (its status, its body, its answer) lies
under a key of its own and is changed by scripts that Redis runs whole, so that the first answer is the only one. The
queue is Celery's, and its messages hold the job's id and nothing else: what is delivered twice is run at most twice
and answered once.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference_app.asynchronous.store import JobStore
    from inference_app.settings import Settings


def of(settings: "Settings") -> "JobStore | None":
    """The jobs of the Redis that the settings name; None where they name none."""
    if settings.jobs_url is None:
        return None
    from inference_app.asynchronous.store import JobStore  # with Redis's client, which most servers need not load

    return JobStore(settings)
