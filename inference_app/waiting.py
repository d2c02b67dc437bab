"""What waits for a model, in the order in which it came; some of it has no inputs yet."""

from collections.abc import Iterable
from typing import Any

from inference_app.jobs import Job
from inference_app.preparing import Preparation


class Waiting:
    """Jobs in order, and which of them share a batch."""

    def __init__(self, max_batch_size: int, *, ragged: bool) -> None:
        """Jobs whose inputs differ in shape beyond the batch axis are kept apart where they may: `ragged`."""
        self._max_batch_size = max_batch_size
        self._ragged = ragged
        # A dict is a queue from whose middle a job can leave in constant time.
        self._jobs: dict[Job, None] = {}
        self.rows = 0
        """Examples; a job without inputs counts as one."""
        self.unprepared = 0
        """How many jobs have no inputs yet."""
        self.being_prepared: set[Job] = set()
        """Those of them that were told to prepare."""

    def __contains__(self, job: Job) -> bool:
        return job in self._jobs

    def has_prepared(self) -> bool:
        """Whether there is one with inputs."""
        return len(self._jobs) > self.unprepared

    def is_full(self) -> bool:
        """Whether those with inputs are a batch."""
        return self.rows - self.unprepared >= self._max_batch_size

    def add(self, job: Job) -> None:
        """Take a job's place; one larger than a batch is split."""
        if job.rows <= self._max_batch_size:
            self._jobs[job] = None
        else:
            self._jobs.update(dict.fromkeys(job.split(self._max_batch_size)))
        self.rows += job.rows
        if not job.is_prepared:
            self.unprepared += 1

    def prepared(self, job: Job, rows: int) -> None:
        """A job's inputs, so many examples, are here; one larger than a batch goes to the front: its turn has come."""
        self.rows += rows - job.rows
        self.unprepared -= 1
        self.being_prepared.discard(job)
        job.rows, job.is_prepared = rows, True
        if rows > self._max_batch_size:
            del self._jobs[job]
            self._jobs = dict.fromkeys(job.split(self._max_batch_size)) | self._jobs

    def has_untold(self) -> bool:
        """Whether there is one without inputs that was not told to prepare."""
        return self.unprepared > len(self.being_prepared)

    def prepare_next(self) -> Preparation[Any] | None:
        """What makes the inputs of the first job that was not told, unless a batch before it is ready."""
        room = self._max_batch_size
        for job in self._jobs if self.has_untold() else ():
            if job.is_prepared:
                room -= job.rows
                if room <= 0:
                    break
            elif job not in self.being_prepared:
                self.being_prepared.add(job)
                return job.prepare()
        return None

    def prepare(self, ahead: int) -> list[Preparation[Any]]:
        """What makes the inputs of those among the next so many examples that have none and were not told yet."""
        found: list[Preparation[Any] | None] = []
        if not self.has_untold():
            return []
        for job in self._jobs:
            if not job.is_prepared and job not in self.being_prepared:
                self.being_prepared.add(job)
                found.append(job.prepare())
            ahead -= job.rows
            if ahead <= 0:
                break
        return [preparation for preparation in found if preparation is not None]

    def remove(self, jobs: Iterable[Job]) -> None:
        """Forget jobs that wait."""
        for job in jobs:
            del self._jobs[job]
            self.rows -= job.rows
            if not job.is_prepared:
                self.unprepared -= 1
                self.being_prepared.discard(job)

    def clear(self) -> list[Job]:
        """Forget all; returns them."""
        jobs = list(self._jobs)
        self.remove(jobs)
        return jobs

    def oldest(self) -> Job:
        """The first that has inputs."""
        return next(job for job in self._jobs if job.is_prepared)

    def drop_late(self, now: float) -> tuple[list[Job], float | None]:
        """Take those out whose deadline has passed; returns them, and the earliest deadline of the others."""
        late = [job for job in self._jobs if job.deadline <= now]
        self.remove(late)
        return late, min((job.deadline for job in self._jobs), default=None)

    def take(self, now: float) -> tuple[list[Job], list[Job]]:
        """Take out the oldest job and those behind it that fit beside it, in order, and those that are late already.

        Shapes must match to share a batch.
        """
        batch: list[Job] = []
        late: list[Job] = []
        signature: list[tuple[int, ...]] | None = None
        ragged = self._ragged
        room = self._max_batch_size
        for job in self._jobs:
            if job.deadline < now:
                late.append(job)
                continue
            if not job.is_prepared:
                continue
            if ragged:
                own = [array.shape[1:] for array in job.inputs.values()]
                if signature is not None and own != signature:
                    continue
                signature = own
            room -= job.rows
            if room < 0:
                break
            batch.append(job)
        self.remove(batch)
        self.remove(late)
        return batch, late
