"""Dynamic batching: a free model takes what waits, so batches grow with load and nobody waits for nothing."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from inference_app import tensors
from inference_app.errors import DeadlineExceeded, InferenceError, ModelFailed, NotReady, QueueFull, TooLarge
from inference_app.metrics import Metrics
from inference_app.tensors import Arrays

logger = logging.getLogger(__name__)

STOPPING = "the server is stopping"


@dataclass(frozen=True, kw_only=True)
class BatchingLimits:
    """Sizes in examples, times in seconds."""

    max_batch_size: int
    max_delay: float = 0
    max_queue_size: int
    timeout: float


@dataclass(eq=False, slots=True)
class Job:
    """Examples that enter the model together, and who waits for them."""

    inputs: Arrays
    rows: int
    future: asyncio.Future[Arrays]
    queued_at: float
    signature: tuple[tuple[int, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.signature = tuple(array.shape[1:] for array in self.inputs.values())


class Batcher:
    """A queue on the event loop, drained by one thread that runs the model outside the interpreter lock."""

    def __init__(self, run: Callable[[Arrays], Arrays], limits: BatchingLimits, metrics: Metrics) -> None:
        self._run = run
        self._limits = limits
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        # A dict is a queue from whose middle a job can leave in constant time.
        self._waiting: dict[Job, None] = {}
        self._rows = 0
        self._closed = False
        self._changed = threading.Condition()
        metrics.queue_size.set_function(lambda: self._rows)
        # A daemon, so that a model call that never returns cannot keep a stopping process alive.
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    async def infer(self, inputs: Arrays) -> Arrays:
        """The model's outputs for one request of any number of examples; more than a batch holds are split.

        Raises `QueueFull`, `TooLarge` (more examples than the queue ever holds), `DeadlineExceeded`, `ModelFailed`
        or `NotReady` (closed). Cancelling drops what has not reached the model.
        """
        jobs = self._enqueue(inputs)
        expiry = self._loop.call_later(self._limits.timeout, self._expire, jobs)
        try:
            return tensors.stack([await job.future for job in jobs])
        finally:
            expiry.cancel()
            self._drop(jobs)
            for job in jobs:
                _forget(job.future)

    def close(self) -> None:
        """Refuse new jobs and those that wait; a running model call finishes."""
        with self._changed:
            self._closed = True
            waiting = list(self._waiting)
            self._changed.notify()
        self._drop(waiting)
        _fail(waiting, NotReady(STOPPING))

    def _enqueue(self, inputs: Arrays) -> list[Job]:
        rows, most = tensors.rows(inputs), self._limits.max_queue_size
        if rows > most:
            raise TooLarge(f"a request may hold at most {most} examples, got {rows}")
        jobs = self._jobs(inputs, rows)
        with self._changed:
            if self._closed:
                raise NotReady(STOPPING)
            if self._rows + rows > most:
                self._metrics.rejected.inc()
                raise QueueFull(f"{self._rows} of at most {most} examples wait for the model, {rows} more do not fit")
            self._waiting.update(dict.fromkeys(jobs))
            self._rows += rows
            self._changed.notify()
        return jobs

    def _jobs(self, inputs: Arrays, rows: int) -> list[Job]:
        size, now = self._limits.max_batch_size, time.perf_counter()
        parts = [tensors.take(inputs, start, start + size) for start in range(0, rows, size)]
        return [Job(part, tensors.rows(part), self._loop.create_future(), now) for part in parts]

    def _expire(self, jobs: list[Job]) -> None:
        late = self._drop(jobs)
        _fail(late, DeadlineExceeded(f"waited {self._limits.timeout:g} s for the model"))

    def _drop(self, jobs: list[Job]) -> list[Job]:
        with self._changed:
            dropped = [job for job in jobs if job in self._waiting]
            self._remove(dropped)
        return dropped

    def _remove(self, jobs: list[Job]) -> None:
        for job in jobs:
            del self._waiting[job]
            self._rows -= job.rows

    def _work(self) -> None:
        while not self._closed:
            batch = self._next()
            if batch:
                self._answer(batch)

    def _next(self) -> list[Job]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._limits.max_delay:
                self._changed.wait_for(lambda: self._closed or self._is_full(), self._patience())
            batch = self._fitting()
            self._remove(batch)
        started = time.perf_counter()
        for job in batch:
            self._metrics.queue_duration.observe(started - job.queued_at)
        return batch

    def _is_full(self) -> bool:
        return self._rows >= self._limits.max_batch_size

    def _patience(self) -> float:
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return 0
        return max(0, oldest.queued_at + self._limits.max_delay - time.perf_counter())

    def _fitting(self) -> list[Job]:
        """The oldest job and those behind it that fit beside it, in order; shapes must match to share a batch."""
        batch: list[Job] = []
        room = self._limits.max_batch_size
        for job in self._waiting:
            if batch and job.signature != batch[0].signature:
                continue
            room -= job.rows
            if room < 0:
                break
            batch.append(job)
        return batch

    def _answer(self, batch: list[Job]) -> None:
        """Run one batch; where it fails, run each of its jobs alone, so that one bad request fails alone."""
        try:
            outputs = self._timed_run(tensors.stack([job.inputs for job in batch]))
        except Exception:
            logger.exception("the model failed", extra={"batch": len(batch)})
            if len(batch) == 1:
                self._loop.call_soon_threadsafe(_fail, batch, ModelFailed("the model failed on this input"))
                return
            for job in batch:
                self._answer([job])
            return
        self._loop.call_soon_threadsafe(_deliver, batch, outputs)

    def _timed_run(self, inputs: Arrays) -> Arrays:
        self._metrics.batch_size.observe(tensors.rows(inputs))
        with self._metrics.model_duration.time():
            return self._run(inputs)


def _deliver(batch: list[Job], outputs: Arrays) -> None:
    start = 0
    for job in batch:
        if not job.future.done():
            job.future.set_result(tensors.take(outputs, start, start + job.rows))
        start += job.rows


def _fail(jobs: list[Job], error: InferenceError) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(error)


def _forget(future: asyncio.Future[Arrays]) -> None:
    """Cancel the future, or mark its error as seen: asyncio complains of errors that nobody reads."""
    if not future.cancelled() and not future.cancel():
        future.exception()
