"""What waits in a model's queue, and who hears of it."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from inference_app import tensors, trace
from inference_app.errors import InferenceError, ModelFailed
from inference_app.logs import outline
from inference_app.outputs import BatchOutputs, Rows
from inference_app.preparing import Preparation
from inference_app.tensors import Arrays

if TYPE_CHECKING:
    from inference_app.trace import Trace

logger = logging.getLogger(__name__)


class Job(ABC):
    """Examples that enter the model together; hears of their outputs or failure, once, on the event loop.

    Times are `time.perf_counter()` seconds.
    """

    inputs: Arrays
    rows: int
    deadline: float
    queued_at: float
    started_at: float = 0.0
    finished_at: float = 0.0
    trace: "Trace | None" = None
    """Of a sampled request."""
    parts: "tuple[_Part, ...]" = ()
    is_prepared = True
    """Whether its inputs are here; its queue says when to make them where they are not."""

    def prepare(self) -> Preparation[Any] | None:
        """What makes the inputs and then calls `Queue.prepared`, or `Queue.drop` where there will be none.

        None where nobody waits for them any more. Any thread may call it.
        """
        raise NotImplementedError

    @abstractmethod
    def deliver(self, rows: Rows) -> None:
        """Take the outputs."""

    @abstractmethod
    def fail(self, error: InferenceError) -> None:
        """Take the failure."""

    def stumble(self, error: Exception) -> None:
        """Take what went wrong while the outputs were delivered: their refusal, or a failure of the server's own."""
        if not isinstance(error, InferenceError):
            logger.error("an answer could not be delivered", extra={"exception": outline(error)})
            error = ModelFailed("the answer could not be rendered")
        self.fail(error)

    def split(self, size: int) -> "tuple[_Part, ...]":
        """Parts of at most `size` examples, whose outputs become this job's."""
        starts = range(0, self.rows, size)
        self.parts = tuple(_Part(self, tensors.take(self.inputs, start, start + size)) for start in starts)
        return self.parts

    def gather(self) -> None:
        """Deliver once every part has its outputs."""
        parts = self.parts
        outputs = [part.outputs for part in parts if part.outputs is not None]
        if len(outputs) == len(parts):
            self.started_at = parts[0].started_at
            self.finished_at = max(part.finished_at for part in parts)
            self.deliver(Rows(BatchOutputs(tensors.stack(outputs)), 0, self.rows))


class _Part(Job):
    """Some of the examples of a job too large for one model call; the first failure is the whole's."""

    def __init__(self, whole: Job, inputs: Arrays) -> None:
        self._whole = whole
        self.inputs = inputs
        self.rows = tensors.rows(inputs)
        self.deadline = whole.deadline
        self.queued_at = whole.queued_at
        self.trace = whole.trace
        self.outputs: Arrays | None = None

    def deliver(self, rows: Rows) -> None:
        self.outputs = rows.arrays()
        self._whole.gather()

    def fail(self, error: InferenceError) -> None:
        self._whole.started_at = self.started_at
        self._whole.fail(error)


class FutureJob(Job):
    """A job to wait for."""

    def __init__(self, inputs: Arrays, traced: "Trace | None" = None) -> None:
        self.inputs = inputs
        self.trace = traced
        self.outputs: asyncio.Future[Arrays] = asyncio.get_running_loop().create_future()

    def deliver(self, rows: Rows) -> None:
        """Set the result, unless nobody waits any more."""
        if not self.outputs.done():
            self.outputs.set_result(rows.arrays())

    def fail(self, error: InferenceError) -> None:
        """Set the error, unless nobody waits any more."""
        if not self.outputs.done():
            self.outputs.set_exception(error)


class Queue(ABC):
    """Where requests go: a model's own queue, or what stands in front of it; the event loop's thread alone calls it."""

    @property
    @abstractmethod
    def of_model(self) -> "Queue":
        """The model's own, which nothing stands in front of."""

    @abstractmethod
    def submit(self, job: Job, now: float, deadline: float | None = None) -> None:
        """Take a job with inputs of any number of examples, which hears of their outputs or why there are none.

        One that is not prepared has a place as one example, and is told to prepare when its turn comes soon: a decoded
        image is ten times its file, would wait outside the processor's caches, and be in vain where its client leaves.
        `now` and `deadline` are `time.perf_counter()` seconds. Raises the `InferenceError` of a job that is refused.
        """

    @abstractmethod
    def prepared(self, job: Job) -> None:
        """The inputs of a job are here, which keeps its place; does nothing where nobody waits for it any more.

        Raises `TooLarge` where it has more examples than the queue ever holds.
        """

    @abstractmethod
    def drop(self, job: Job) -> None:
        """Forget a job whose client left, unless it has reached the model."""

    @abstractmethod
    def close(self) -> None:
        """Refuse new jobs and those that wait; a running model call finishes."""

    async def infer(self, inputs: Arrays, deadline: float | None = None) -> Arrays:
        """The model's outputs; raises what `submit` raises and reports. Cancelling drops what has not started."""
        job = FutureJob(inputs, trace.current.get())
        if job.trace is not None:
            job.trace.job = job
        self.submit(job, time.perf_counter(), deadline)
        try:
            return await job.outputs
        finally:
            self.drop(job)
