"""Runs one job through the model: the same queue, batches and answers that `/predict` has."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from inference_app import tensors
from inference_app.asynchronous.errors import GivenUp, JobsUnavailable
from inference_app.asynchronous.job import Begun, Outcome
from inference_app.asynchronous.request import parsed
from inference_app.asynchronous.store import JobStore
from inference_app.contract import JobResult
from inference_app.errors import BuffersFull, DeadlineExceeded, InferenceError, NotReady, QueueFull
from inference_app.http.exchange import INTERNAL_ERROR, error_answer
from inference_app.logs import outline
from inference_app.metrics import JobMetrics
from inference_app.models import Models
from inference_app.outputs import BatchOutputs, Rows
from inference_app.protocols.call import Answer, Api
from inference_app.settings import Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")

PASSING = (NotReady, QueueFull, BuffersFull, DeadlineExceeded)
"""What another attempt may not meet again; an input that the model does not take fails for good."""

STEPS = 5
"""An attempt waits its pause, asks Redis, runs and answers Redis, each for `JOBS_TIMEOUT_SECONDS` at most; who has not
done after so many times as long is lost."""

SHORTEST_PAUSE = 1.0
PAUSE_FOR_REDIS = 0.5


class Runner:
    """Lives on the event loop of the models."""

    def __init__(self, models: Models, store: JobStore, settings: Settings) -> None:
        self._models = models
        self._store = store
        self._most_attempts = settings.jobs_max_attempts
        self._timeout = settings.jobs_timeout_seconds

    async def run(self, job_id: str) -> float | None:
        """Make an attempt; seconds to the next one, None where none is needed. Raises `JobsUnavailable`."""
        job = await self._insist(partial(self._store.begin, job_id))
        if job is None:
            return None
        metrics = self._models.metrics.jobs.setdefault(job.model, JobMetrics())
        if job.attempts == 1:
            metrics.wait.observe(max(time.time() - job.submitted_at, 0))
        error = await self._attempt(job_id, job, metrics)
        if error is None:
            return None
        if isinstance(error, PASSING) and job.attempts < self._most_attempts:
            metrics.results[JobResult.RETRIED] += 1
            await self._insist(partial(self._store.put_back, job_id))
            return pause(job.attempts, self._timeout)
        await self._finish(
            job_id, Outcome(code=int(error.status), answer=error_answer(error)), JobResult.FAILED, metrics
        )
        return None

    async def _attempt(self, job_id: str, job: Begun, metrics: JobMetrics) -> InferenceError | None:
        """None where the model answered."""
        if job.attempts > self._most_attempts:
            return GivenUp(f"no answer after {self._most_attempts} attempts; the last worker was lost")
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._infer(job)
        except TimeoutError:
            return DeadlineExceeded(f"the model did not answer within {self._timeout:g} s")
        except InferenceError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever it is, the job gets an end
            logger.error("a job failed", extra={"model": job.model, "exception": outline(error)})
            return INTERNAL_ERROR
        await self._finish(job_id, Outcome(code=int(HTTPStatus.OK), answer=answer), JobResult.SUCCEEDED, metrics)
        return None

    async def _infer(self, job: Begun) -> Answer:
        serving = self._models.get(job.model).enter()
        try:
            call = await parsed(serving.codecs[Api.PREDICT], job.body, {b"content-type": job.content_type})
            arrays = await serving.batcher.infer(call.inputs)
        finally:
            serving.leave()
        return call.render(Rows(BatchOutputs(arrays), 0, tensors.rows(arrays)))

    async def _finish(self, job_id: str, outcome: Outcome, result: JobResult, metrics: JobMetrics) -> None:
        finish = partial(self._store.finish, job_id, outcome, succeeded=result is JobResult.SUCCEEDED)
        counted = await self._insist(finish)
        metrics.results[result if counted else JobResult.DISCARDED] += 1

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What Redis answers, asked again while it is away; raises `JobsUnavailable` when a job would take too long."""
        give_up = time.monotonic() + self._timeout
        while True:
            try:
                return await ask()
            except JobsUnavailable:
                if time.monotonic() > give_up:
                    raise
                await asyncio.sleep(PAUSE_FOR_REDIS)


def pause(attempts: int, most: float) -> float:
    """Seconds to leave a job alone after so many attempts, `most` at most."""
    return min(SHORTEST_PAUSE * 2 ** (attempts - 1), most)
