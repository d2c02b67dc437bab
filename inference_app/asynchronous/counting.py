"""Asks how many jobs have no answer, now and then, so that no scrape waits for Redis."""

import asyncio

from inference_app.asynchronous.errors import JobsUnavailable
from inference_app.asynchronous.store import JobStore
from inference_app.metrics import Metrics
from inference_app.settings import Settings

SECONDS = 5
"""Between two questions; Prometheus scrapes three times less often."""


async def count_jobs(settings: Settings, metrics: Metrics) -> None:
    """Keep `metrics.backlog` true until cancelled: None while Redis does not answer."""
    store = JobStore(settings)
    try:
        while True:
            try:
                metrics.backlog = await store.backlog()
            except JobsUnavailable:
                metrics.backlog = None
            await asyncio.sleep(SECONDS)
    finally:
        await store.close()
