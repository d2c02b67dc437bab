"""Where a model runs: on the event loop, or on threads beside it."""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from inference_app.batching import Batcher
from inference_app.jobs import Job


class InlineBatcher(Batcher):
    """Runs the model on the event loop, once per turn with all that the turn brought: for models of microseconds.

    Handing work to a thread and back costs more than such a model's own call.
    """

    _scheduled: asyncio.Handle | None = None

    def _wake(self, deadline: float) -> None:  # noqa: ARG002 - it is looked at when the turn ends
        if self._limits.max_delay and not self._waiting.is_full():
            self._scheduled = self._scheduled or self._loop.call_later(self._limits.max_delay, self._drain)
            return
        if self._scheduled is not None:
            self._scheduled.cancel()
        self._is_awake = True
        self._scheduled = self._loop.call_soon(self._drain)

    def _post(self, callback: Callable[..., None], *args: object) -> None:
        callback(*args)

    def _drain(self) -> None:
        """Run one batch; what is left waits for the next turn, so that these answers leave before."""
        self._scheduled = None
        self._is_awake = False
        started = time.perf_counter()
        batch, late = self._waiting.take(started)
        if self._waiting.has_prepared():
            self._wake(0)
        if late:
            self._expire(late)
        if batch:
            self._answer(batch, started)


class ThreadedBatcher(Batcher):
    """Runs the model on threads of its own, outside the interpreter lock; the event loop stays free."""

    def __init__(self, *args: Any, threads: int = 1, prepare: bool = False, **kwargs: Any) -> None:
        """With `prepare` the model's threads also make the inputs of what comes without."""
        self._lock = threading.RLock()
        """Guards the queue, which the event loop and the model's threads share."""
        self._idle: list[threading.Condition] = []
        """One for each thread that waits. The last to come is the first to go: its core's caches are the warmest."""
        super().__init__(*args, **kwargs)
        self._parallel = threads
        self._prepares = prepare
        self._sweep: asyncio.TimerHandle | None = None
        self._sweep_at = 0.0
        # Daemons, so that a model call that never returns cannot keep a stopping process alive.
        for number in range(threads):
            threading.Thread(target=self._work, name=f"model-{number}", daemon=True).start()

    def submit(self, job: Job, now: float, deadline: float | None = None) -> None:
        """Queue a job, as every queue does."""
        with self._lock:
            super().submit(job, now, deadline)

    def prepared(self, job: Job) -> None:
        """A job's inputs are here."""
        with self._lock:
            super().prepared(job)

    def drop(self, job: Job) -> None:
        """Forget a job whose client left, unless it has reached the model."""
        with self._lock:
            super().drop(job)

    def close(self) -> None:
        """Refuse new jobs and those that wait; a running model call finishes."""
        super().close()
        if self._sweep is not None:
            self._sweep.cancel()

    def _end(self) -> list[Job]:
        with self._lock:
            waiting = super()._end()
            while self._idle:
                self._idle.pop().notify()
            return waiting

    def _wake(self, deadline: float) -> None:
        self._rouse()
        self._watch(deadline)

    def _rouse(self) -> None:
        """Wake a thread, if one waits."""
        if self._idle:
            self._idle.pop().notify()

    def _watch(self, deadline: float) -> None:
        if self._sweep is None or deadline < self._sweep_at:
            self._sweep_later(deadline)

    def _post(self, callback: Callable[..., None], *args: object) -> None:
        self._loop.call_soon_threadsafe(callback, *args)

    def _prepare(self) -> None:
        with self._lock:
            if self._prepares:
                self._rouse()
            else:
                super()._prepare()

    def _sweep_later(self, deadline: float) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        self._sweep_at = deadline
        self._sweep = self._loop.call_later(max(0, deadline - time.perf_counter()), self._drop_late)

    def _drop_late(self) -> None:
        """Fail what waits beyond its deadline while the model is busy."""
        now = time.perf_counter()
        with self._lock:
            self._sweep = None
            late, earliest = self._waiting.drop_late(now)
            if earliest is not None:
                self._sweep_later(earliest)
        self._expire(late)

    def _work(self) -> None:
        own = threading.Condition(self._lock)
        while not self._closed:
            with self._lock:
                self._wait(own)
                task = self._next()
            task()
            del task  # and with it the inputs, whose memory the next ones may take

    def _next(self) -> Callable[[], None]:
        """What a thread does now: prepare what the next batch has room for, or run that."""
        preparation = self._waiting.prepare_next() if self._prepares else None
        if preparation is not None:
            return partial(preparation.run, self._loop)
        started = time.perf_counter()
        return partial(self._serve, *self._waiting.take(started), started)

    def _serve(self, batch: Sequence[Job], late: Sequence[Job], started: float) -> None:
        if late:
            self._post(self._expire, late)
        if batch:
            self._answer(batch, started)

    def _wait(self, own: threading.Condition) -> None:
        while not self._closed and (patience := self._patience()) > 0:
            self._idle.append(own)
            own.wait(None if patience == math.inf else patience)
            if own in self._idle:  # nobody woke it
                self._idle.remove(own)

    def _patience(self) -> float:
        """Seconds until a thread takes what is there, unless more comes."""
        if self._prepares and self._waiting.has_untold():
            return 0
        if not self._waiting.has_prepared():
            return math.inf
        delay = self._limits.max_delay
        if not delay or self._waiting.is_full():
            return 0
        return self._waiting.oldest().queued_at + delay - time.perf_counter()
