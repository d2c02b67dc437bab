"""The jobs in Redis: what the server does with them for its callers, and what a worker does with the one it runs."""

import time
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from inference_app.asynchronous import message
from inference_app.asynchronous.errors import (
    JobCancelled,
    JobFinished,
    JobsUnavailable,
    KeyReused,
    TooManyJobs,
    UnknownJob,
)
from inference_app.asynchronous.job import Backlog, Begun, JobState, Outcome, Status
from inference_app.asynchronous.request import JobRequest
from inference_app.contract import JOB_QUEUE, JOBS_OPEN
from inference_app.protocols.call import Answer
from inference_app.settings import Settings

PREFIX = f"{JOB_QUEUE}:job:"
CLAIM = f"{JOB_QUEUE}:key:"

PATIENCE = 2.0
"""Seconds that a caller waits for Redis."""
CONNECTIONS = 32
MOST_RECOVERED = 100


class JobStore:
    """Lives on one event loop; each call raises `JobsUnavailable` where Redis does not answer as it should.

    What Redis was asked and did not confirm may have been done: a caller who asks again with its idempotency key gets
    the same job.
    """

    def __init__(self, settings: Settings) -> None:
        """Makes no connection yet."""
        self._settings = settings
        self._client = _connect(settings)
        self._submit = self._script("submit")
        self._begin = self._script("begin")
        self._change = self._script("change")
        self._lost = self._script("lost")

    async def submit(self, request: JobRequest) -> JobState:
        """Queue a job, or find the one that the same caller's same idempotency key made before.

        Raises `KeyReused` where that was another request's, and `TooManyJobs`.
        """
        settings, now, own = self._settings, time.time(), uuid.uuid4().hex
        claim, digest = request.claim, request.digest if request.claim else ""
        kept = settings.jobs_wait_seconds + settings.jobs_result_ttl_seconds
        fields = _flat(
            {
                "status": Status.QUEUED,
                "model": request.model,
                "content_type": request.content_type,
                "body": request.body,
                "attempts": 0,
                "submitted_at": now,
            }
        )
        limits = [settings.jobs_max_open, settings.jobs_wait_seconds, kept]
        args = [*limits, PREFIX, own, digest, message.make(own), *fields]
        async with _available():
            found = await self._submit(keys=[JOB_QUEUE, JOBS_OPEN, PREFIX + own, CLAIM + claim], args=args)
        if not found:
            raise TooManyJobs(f"{settings.jobs_max_open} jobs have no answer yet; try later")
        job_id, first = (text.decode() for text in cast("list[bytes]", found))
        if first != digest:
            raise KeyReused("the Idempotency-Key came with another request before; take a new key for this one")
        return await self.state(job_id)

    async def state(self, job_id: str) -> JobState:
        """Where a job is; raises `UnknownJob`."""
        names = ("status", "model", "attempts", "submitted_at", "finished_at")
        status, model, attempts, submitted_at, finished_at = await self._fields(job_id, *names)
        return JobState(
            id=job_id,
            status=Status(status.decode()),
            model=model.decode(),
            attempts=int(attempts),
            submitted_at=float(submitted_at),
            finished_at=float(finished_at) if finished_at else None,
        )

    async def outcome(self, job_id: str) -> Outcome | None:
        """A finished job's answer, None while it has none; raises `UnknownJob` or `JobCancelled`."""
        status, code, content_type, answer = await self._fields(job_id, "status", "code", "answer_type", "answer")
        if status.decode() == Status.CANCELLED:
            raise JobCancelled("the job was cancelled")
        if not Status(status.decode()).is_final:
            return None
        return Outcome(code=int(code), answer=Answer(answer, content_type))

    async def cancel(self, job_id: str) -> None:
        """See to it that the job has no answer; a cancelled one stays so. Raises `UnknownJob` or `JobFinished`."""
        before = await self._settle(job_id, {"status": Status.CANCELLED})
        if before is None:
            raise self._unknown()
        if before in (Status.SUCCEEDED, Status.FAILED):
            raise JobFinished(f"the job is finished, {before}; it cannot be cancelled any more")

    async def begin(self, job_id: str) -> Begun | None:
        """Begin an attempt; None where the job is gone, cancelled or finished."""
        async with _available():
            found = cast("list[bytes]", await self._begin(keys=[JOBS_OPEN, PREFIX + job_id], args=[job_id]))
        if not found:
            return None
        model, content_type, body, attempts, submitted_at = found
        return Begun(
            model=model.decode(),
            content_type=content_type,
            body=body,
            attempts=int(attempts),
            submitted_at=float(submitted_at),
        )

    async def finish(self, job_id: str, outcome: Outcome, *, succeeded: bool) -> bool:
        """Give the job its answer; False where it has one, was cancelled, or is gone."""
        before = await self._settle(
            job_id,
            {
                "status": Status.SUCCEEDED if succeeded else Status.FAILED,
                "code": outcome.code,
                "answer_type": outcome.answer.content_type,
                "answer": outcome.answer.body,
            },
        )
        return before is not None and not before.is_final

    async def put_back(self, job_id: str) -> None:
        """Say that the job waits for another attempt."""
        async with _available():
            await self._change(keys=[JOBS_OPEN, PREFIX + job_id], args=[job_id, "", "status", Status.QUEUED.value])

    async def recover(self, seconds: float) -> int:
        """Queue again what nobody has touched for so long and no message is left of; how many jobs that were."""
        async with _available():
            args = [seconds, MOST_RECOVERED, PREFIX]
            lost = cast("list[bytes]", await self._lost(keys=[JOB_QUEUE, JOBS_OPEN], args=args))
            if lost:
                await cast("Any", self._client.lpush(JOB_QUEUE, *(message.make(job.decode()) for job in lost)))
        return len(lost)

    async def backlog(self) -> Backlog:
        """The jobs that have no answer."""
        async with _available(), cast("Any", self._client.pipeline(transaction=True)) as together:
            together.zcard(JOBS_OPEN).zrange(JOBS_OPEN, 0, 0, withscores=True).time()
            jobs, oldest, (seconds, micros) = await together.execute()
        now = seconds + micros / 1e6
        return Backlog(jobs=jobs, oldest_seconds=max((now - touched for _, touched in oldest), default=0.0))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _settle(self, job_id: str, fields: Mapping[str, Any]) -> Status | None:
        args = [job_id, self._settings.jobs_result_ttl_seconds, *_flat({**fields, "finished_at": time.time()})]
        async with _available():
            before = cast("bytes | None", await self._change(keys=[JOBS_OPEN, PREFIX + job_id], args=args))
        return None if before is None else Status(before.decode())

    async def _fields(self, job_id: str, *names: str) -> list[Any]:
        """Bytes, None for what is not there."""
        async with _available():
            found = cast("list[Any]", await cast("Any", self._client.hmget(PREFIX + job_id, list(names))))
        if found[0] is None:
            raise self._unknown()
        return found

    def _unknown(self) -> UnknownJob:
        seconds = self._settings.jobs_result_ttl_seconds
        return UnknownJob(f"no job of that id is known; a job is forgotten {seconds} s after its end")

    def _script(self, name: str) -> AsyncScript:
        return self._client.register_script((Path(__file__).parent / "files" / f"{name}.lua").read_text())


def _connect(settings: Settings) -> Redis:
    password = settings.jobs_password
    pool = cast("Any", BlockingConnectionPool).from_url(
        settings.jobs_url or "",
        password=password and password.get_secret_value(),
        protocol=2,
        # A connection that Redis closed meanwhile shows so at its next use only.
        retry=Retry(NoBackoff(), 1),
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        max_connections=CONNECTIONS,
        timeout=PATIENCE,
    )
    return Redis.from_pool(pool)


def _flat(fields: Mapping[str, Any]) -> list[Any]:
    return [part for field in fields.items() for part in field]


@asynccontextmanager
async def _available() -> AsyncGenerator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise JobsUnavailable(f"the queue of jobs does not answer: {type(error).__name__}") from error
