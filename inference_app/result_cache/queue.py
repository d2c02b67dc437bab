"""The queue of a model with the cache before it."""

import asyncio
import time
from asyncio import Future
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inference_app import tensors
from inference_app.contract import LookupResult, StoreResult
from inference_app.errors import InferenceError
from inference_app.jobs import Job, Queue
from inference_app.metrics import CacheMetrics
from inference_app.outputs import BatchOutputs, Rows
from inference_app.preparing import Preparation
from inference_app.result_cache import value as values
from inference_app.result_cache.key import Keys
from inference_app.result_cache.stores import Store
from inference_app.tensors import TensorSpec
from inference_app.trace import CacheLookup

if TYPE_CHECKING:
    from inference_app.result_cache.cache import ResultCache

QUICK_BYTES = 64 * 1024
"""Inputs up to this size are digested on the event loop; more would keep other requests waiting."""


class CachedQueue(Queue):
    """Answers what Redis has; all else goes on to the model's queue."""

    def __init__(
        self, behind: Queue, cache: "ResultCache", keys: Keys, outputs: Mapping[str, TensorSpec], metrics: CacheMetrics
    ) -> None:
        self.behind = behind
        self.metrics = metrics
        self._cache = cache
        self._keys = keys
        self._outputs = outputs
        self._jobs: dict[Job, CachedJob] = {}

    @property
    def of_model(self) -> Queue:
        """The one behind."""
        return self.behind.of_model

    def submit(self, job: Job, now: float, deadline: float | None = None) -> None:
        """As the model's queue does, unless Redis has the outputs; a refusal may come later, as a failure."""
        if not self._cache.lookups.is_usable:
            self.metrics.lookups[LookupResult.SKIPPED] += 1
            self.behind.submit(job, now, deadline)
            return
        job.queued_at = 0.0
        cached = CachedJob(job, deadline, self)
        if job.is_prepared:
            self._jobs[job] = cached
            self._find(cached, now)
        else:
            job.rows = 1
            self.behind.submit(cached, now, deadline)
            self._jobs[job] = cached

    def prepared(self, job: Job) -> None:
        """Look for a job's outputs now that its inputs are here; meanwhile it waits for the model."""
        if job in self._jobs:
            self._find(self._jobs[job], time.perf_counter())
        else:
            self.behind.prepared(job)

    def drop(self, job: Job) -> None:
        """Forget a job whose client left."""
        cached = self._jobs.pop(job, None)
        self.behind.drop(job if cached is None else cached)

    def close(self) -> None:
        """Close the queue behind; what waits for Redis fails there."""
        self.behind.close()

    def has(self, job: Job) -> bool:
        """Whether somebody waits for it still."""
        return job in self._jobs

    def forget(self, job: Job) -> None:
        """It has its answer."""
        self._jobs.pop(job, None)

    def read(self, value: bytes, rows: int) -> Rows | None:
        """The outputs that Redis had for so many examples; None where they are none."""
        arrays = values.unpack(value, self._outputs, rows)
        return None if arrays is None else Rows(BatchOutputs(arrays), 0, rows)

    def keep(self, key: bytes, rows: Rows) -> None:
        """Bring a request's outputs to Redis, unless they are too large."""
        value = values.pack(rows.arrays(), self._outputs)
        if len(value) > self._cache.max_value_bytes:
            self.metrics.stores[StoreResult.DROPPED] += 1
        else:
            self._cache.stores.put(Store(key, value, self.metrics))

    def _find(self, cached: "CachedJob", now: float) -> None:
        cached.begin(now)
        if sum([array.nbytes for array in cached.inputs.values()]) <= QUICK_BYTES:
            self._look_up(cached, self._keys.of(cached.inputs))
            return
        digesting = asyncio.get_running_loop().run_in_executor(None, self._keys.of, cached.inputs)
        digesting.add_done_callback(lambda made: self._digested(cached, made))

    def _digested(self, cached: "CachedJob", made: "Future[bytes]") -> None:
        if self._cache.lookups.is_usable:
            self._look_up(cached, made.result())
        else:
            cached.answer(LookupResult.SKIPPED, None)

    def _look_up(self, cached: "CachedJob", key: bytes) -> None:
        cached.key = key
        cached.asked_at = asyncio.get_running_loop().time()
        self._cache.lookups.ask(cached)


class CachedJob(Job):
    """Asks Redis for a job's outputs, and waits for the model in its stead where they are not there."""

    key = b""
    asked_at = 0.0
    _begun_at = 0.0

    def __init__(self, whole: Job, deadline: float | None, queue: CachedQueue) -> None:
        self.is_prepared = whole.is_prepared
        self.trace = whole.trace
        self._whole = whole
        self._latest = deadline
        self._queue = queue

    def prepare(self) -> Preparation[Any] | None:
        """As the job does."""
        return self._whole.prepare()

    def begin(self, now: float) -> None:
        """Its inputs are here, and Redis will be asked."""
        whole = self._whole
        self.inputs = whole.inputs
        whole.rows = tensors.rows(whole.inputs)
        self._begun_at = now

    def answer(self, result: LookupResult, value: bytes | None) -> None:
        """Deliver what Redis had, or go on to the model; a job whose client left does neither."""
        queue, whole = self._queue, self._whole
        if not queue.has(whole):
            return
        try:
            rows = queue.read(value, whole.rows) if value is not None else None
            self._count(LookupResult.ERROR if value is not None and rows is None else result)
            if rows is not None:
                queue.drop(whole)
                whole.deliver(rows)
            elif self.is_prepared:
                queue.behind.submit(self, time.perf_counter(), self._latest)
            else:
                queue.behind.prepared(self)
        except Exception as error:  # noqa: BLE001 - one request's failure must not cost the others their answers
            queue.drop(whole)
            whole.stumble(error)

    def deliver(self, rows: Rows) -> None:
        """Hand the model's outputs on, and keep them."""
        self._end()
        self._whole.deliver(rows)
        self._queue.keep(self.key, rows)

    def fail(self, error: InferenceError) -> None:
        """Hand the failure on."""
        self._end()
        self._whole.fail(error)

    def _end(self) -> None:
        whole = self._whole
        self._queue.forget(whole)
        whole.queued_at, whole.started_at, whole.finished_at = self.queued_at, self.started_at, self.finished_at

    def _count(self, result: LookupResult) -> None:
        now, metrics = time.perf_counter(), self._queue.metrics
        metrics.lookups[result] += 1
        metrics.duration.observe(now - self._begun_at)
        if self.trace is not None:
            self.trace.lookup = CacheLookup(self._begun_at, now, result)
