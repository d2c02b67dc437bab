"""Dynamic batching: a free model takes what waits, so batches grow with load and nobody waits for nothing."""

import asyncio
import logging
import os
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

from inference_app import tensors, trace
from inference_app.errors import DeadlineExceeded, InferenceError, ModelFailed, NotReady, QueueFull, TooLarge
from inference_app.jobs import Job, Queue
from inference_app.metrics import ModelMetrics
from inference_app.outputs import BatchOutputs, Rows
from inference_app.tensors import Arrays
from inference_app.trace import ModelCall
from inference_app.waiting import Waiting

logger = logging.getLogger(__name__)

STOPPING = "the server is stopping"

PACE_WEIGHT = 0.2
"""How much the latest batch counts in the average."""

NOT_THE_INPUTS = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""What a model that runs elsewhere says whatever it is asked."""

Run = Callable[[Arrays], BatchOutputs]


@dataclass(frozen=True, kw_only=True)
class BatchingLimits:
    """Sizes in examples, times in seconds."""

    max_batch_size: int
    max_delay: float = 0
    max_queue_size: int
    timeout: float
    ragged: bool = True
    """Whether requests may differ in shape beyond the batch axis."""


class Batcher(Queue):
    """A queue of requests for one model."""

    _parallel = 1

    def __init__(
        self,
        run: Run,
        limits: BatchingLimits,
        metrics: ModelMetrics,
        on_error: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._run = run
        self._limits = limits
        self._metrics = metrics
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._preparers = ThreadPoolExecutor(os.cpu_count(), "prepare")
        self._waiting = Waiting(limits.max_batch_size, ragged=limits.ragged)
        self._pace = 0.0
        """Seconds from one example to the next lately, all threads together."""
        self._closed = False
        self._is_awake = False
        """What waits is on its way to the model, whatever else comes."""
        metrics.queue_size = lambda: self._waiting.rows
        metrics.queue_capacity = limits.max_queue_size

    @property
    def of_model(self) -> Queue:
        """This one."""
        return self

    def submit(self, job: Job, now: float, deadline: float | None = None) -> None:
        """Queue a job with inputs of any number of examples; more than a batch holds are split.

        `now` and `deadline`, which lies at most the limits' timeout ahead, are `time.perf_counter()` seconds. The job
        hears of `DeadlineExceeded`, `ModelFailed`, `NotReady` or `Suspicious`. Raises `QueueFull` (also for a job that
        would wait beyond its deadline: it is refused while that helps), `TooLarge` (more examples than the queue ever
        holds) or `NotReady` (closed).
        """
        rows = tensors.rows(job.inputs) if job.is_prepared else 1
        latest = now + self._limits.timeout
        job.rows = rows
        job.queued_at = now
        job.deadline = latest if deadline is None or deadline > latest else deadline
        if self._closed:
            raise NotReady(STOPPING)
        self._check_room(rows, now, job.deadline)
        self._waiting.add(job)
        if not job.is_prepared:
            self._watch(job.deadline)
            self._prepare()
        elif not self._is_awake:
            self._wake(job.deadline)

    def prepared(self, job: Job) -> None:
        """A job's inputs are here."""
        if job not in self._waiting:
            return
        rows = tensors.rows(job.inputs)
        if rows > self._limits.max_queue_size:
            self._waiting.remove([job])
            raise self._too_large(rows)
        self._waiting.prepared(job, rows)
        if not self._is_awake:
            self._wake(job.deadline)

    def drop(self, job: Job) -> None:
        """Forget a job whose client left, unless it has reached the model."""
        self._waiting.remove([part for part in job.parts or (job,) if part in self._waiting])
        if self._waiting.unprepared:
            self._prepare()

    def close(self) -> None:
        """Refuse new jobs and those that wait; a running model call finishes."""
        self._fail(self._end(), NotReady(STOPPING))

    def _end(self) -> list[Job]:
        """Take no more jobs, and forget those that wait."""
        self._closed = True
        self._preparers.shutdown(wait=False, cancel_futures=True)
        return self._waiting.clear()

    @abstractmethod
    def _wake(self, deadline: float) -> None:
        """See to it that what waits, until `deadline` at most, gets to the model."""

    def _watch(self, deadline: float) -> None:
        """See to it that what waits until `deadline` at most hears when that has passed."""

    @abstractmethod
    def _post(self, callback: Callable[..., None], *args: object) -> None:
        """Call back on the event loop."""

    def _prepare(self) -> None:
        """Have what the model soon takes prepared: a batch for each of its threads, and one more."""
        for preparation in self._waiting.prepare(self._limits.max_batch_size * (self._parallel + 1)):
            self._preparers.submit(preparation.run, self._loop)

    def _check_room(self, rows: int, now: float, deadline: float) -> None:
        waiting, most = self._waiting.rows, self._limits.max_queue_size
        if waiting + rows <= most and (not waiting or now + waiting * self._pace <= deadline):
            return
        if rows > most:
            raise self._too_large(rows)
        self._metrics.rejected += 1
        if waiting + rows <= most:
            raise QueueFull(f"{waiting} examples wait for the model, for longer than this request has time")
        raise QueueFull(f"{waiting} of at most {most} examples wait for the model, {rows} more do not fit")

    def _too_large(self, rows: int) -> TooLarge:
        return TooLarge(f"a request may hold at most {self._limits.max_queue_size} examples, got {rows}")

    def _answer(self, batch: Sequence[Job], started: float) -> None:
        """Run one batch; where it fails, run each of its jobs alone, so that one bad request fails alone."""
        trace.current.set(next((job.trace for job in batch if job.trace is not None), None))
        try:
            outputs = self._run(tensors.stack([job.inputs for job in batch]))
        except Exception as error:  # noqa: BLE001 - whatever a model raises concerns its own requests only
            if len(batch) == 1 or _concerns_all(error):
                self._post(self._fail_run, batch, error, started, time.perf_counter())
                return
            self._post(self._trace, batch, started, time.perf_counter(), error)
            for job in batch:
                self._answer([job], time.perf_counter())
            return
        self._post(self._deliver, batch, outputs, started, time.perf_counter())

    def _deliver(self, batch: Sequence[Job], outputs: BatchOutputs, started: float, finished: float) -> None:
        self._trace(batch, started, finished)
        observe = self._metrics.queue_seconds
        start = 0
        for job in batch:
            observe(started - job.queued_at)
            job.started_at = started
            job.finished_at = finished
            stop = start + job.rows
            try:
                if outputs.verdict is not None:
                    outputs.verdict.check(start, stop)
                job.deliver(Rows(outputs, start, stop))
            except Exception as error:  # noqa: BLE001
                # One request's rendering must not cost its neighbours their answers.
                job.stumble(error)
            start = stop
        seconds = finished - started
        self._pace += PACE_WEIGHT * (seconds / start / self._parallel - self._pace)
        self._metrics.batch(start, seconds)
        if self._waiting.unprepared:
            self._prepare()

    def _fail(self, jobs: Sequence[Job], error: InferenceError) -> None:
        for job in jobs:
            job.fail(error)
        if self._waiting.unprepared:
            self._prepare()

    def _expire(self, late: Sequence[Job]) -> None:
        self._fail(late, DeadlineExceeded("the model had no time for this request before its deadline"))

    def _trace(self, batch: Sequence[Job], started: float, finished: float, error: Exception | None = None) -> None:
        """Note a model call in the traces of its requests."""
        traces = [job.trace for job in batch if job.trace is not None]
        if traces:
            examples, provider = sum([job.rows for job in batch]), self._metrics.execution_provider or ""
            trace.note_call(traces, ModelCall(len(batch), examples, provider, started, finished), error)

    def _fail_run(self, jobs: Sequence[Job], error: Exception, started: float, finished: float) -> None:
        self._trace(jobs, started, finished, error)
        for job in jobs:
            job.started_at = started
        if isinstance(error, InferenceError):  # a model that runs elsewhere says itself what clients shall hear
            self._fail(jobs, error)
            return
        logger.error("the model failed", exc_info=error)
        self._fail(jobs, ModelFailed("the model failed on this input"))
        self._on_error(error)


def _concerns_all(error: Exception) -> bool:
    """Whether a batch's requests would meet the same one by one: whoever runs the model is busy, or gone."""
    return isinstance(error, InferenceError) and error.status in NOT_THE_INPUTS
