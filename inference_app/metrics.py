"""What the server counts, cheaply enough for every request; `exposition` turns it into the metrics of the contract.

Only the event loop's thread counts and reads, so nothing is locked: an observation takes a fifth of the time that
prometheus_client's own thread-safe metrics take, which a tiny model's request would feel.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from inference_app.contract import (
    BATCH_BUCKETS,
    CACHE_BUCKETS,
    LATENCY_BUCKETS,
    LOAD_BUCKETS,
    WAIT_BUCKETS,
    JobResult,
    LookupResult,
    StoreResult,
    SwitchResult,
)

if TYPE_CHECKING:
    from inference_app.asynchronous.job import Backlog
    from inference_app.exposition import Exposition
    from inference_app.siblings import Siblings


class Exemplar(NamedTuple):
    """One observation and the trace that shows how it came about; `at` is in Unix seconds."""

    trace_id: str
    value: float
    at: float


class Histogram:
    """Observations counted by bucket; `counts` has one entry per upper bound (inclusive) and one for what is above."""

    __slots__ = ("bounds", "counts", "exemplars", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.exemplars: dict[int, Exemplar] = {}

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def exemplify(self, value: float, trace_id: str) -> None:
        """Remember the trace of a value as its bucket's example; the newest stays."""
        self.exemplars[bisect_left(self.bounds, value)] = Exemplar(trace_id, value, time.time())

    def absorb(self, other: "Histogram") -> None:
        """Add another histogram's observations; both have the same bounds."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
        self.exemplars |= other.exemplars


class RouteMetrics:
    """Answers of one route: how many by status code, and how long they took."""

    __slots__ = ("codes", "duration")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """`bounds` are those of the durations' buckets, in seconds."""
        self.codes: dict[int, int] = {}
        self.duration = Histogram(bounds)

    def observe(self, status: int, seconds: float, trace_id: str | None = None) -> None:
        """Count one answer, `seconds` after its request's last byte."""
        codes = self.codes
        codes[status] = codes.get(status, 0) + 1
        self.duration.observe(seconds)
        if trace_id is not None:
            self.duration.exemplify(seconds, trace_id)

    def absorb(self, other: "RouteMetrics") -> None:
        """Add what another process counted."""
        for status, count in other.codes.items():
            self.codes[status] = self.codes.get(status, 0) + count
        self.duration.absorb(other.duration)


class Routes(dict[str, RouteMetrics]):
    """Answers by route template; whoever asks for one that is not there gets one."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        super().__init__()
        self.bounds = bounds

    def __missing__(self, label: str) -> RouteMetrics:
        made = self[label] = RouteMetrics(self.bounds)
        return made

    def begin(self, label: str) -> None:
        """Be there at 0: a rate misses the requests that came before a series' first scrape."""
        self.setdefault(label, RouteMetrics(self.bounds))

    def absorb(self, other: "Routes") -> None:
        """Add what another process counted, in its buckets where nothing is here yet."""
        for label, route in other.items():
            self.setdefault(label, RouteMetrics(route.duration.bounds)).absorb(route)


class CacheMetrics:
    """What the result cache did for one model."""

    def __init__(self) -> None:
        self.lookups = dict.fromkeys(LookupResult, 0)
        self.duration = Histogram(CACHE_BUCKETS)
        self.stores = dict.fromkeys(StoreResult, 0)

    def absorb(self, other: "CacheMetrics") -> None:
        """Add what another version of the same model, or another process, counted."""
        for result, count in other.lookups.items():
            self.lookups[result] += count
        for result, count in other.stores.items():
            self.stores[result] += count
        self.duration.absorb(other.duration)


class JobMetrics:
    """What a worker of asynchronous inference did for one model."""

    def __init__(self) -> None:
        self.results = dict.fromkeys(JobResult, 0)
        self.wait = Histogram(WAIT_BUCKETS)

    def absorb(self, other: "JobMetrics") -> None:
        """Add what another process counted."""
        for result, count in other.results.items():
            self.results[result] += count
        self.wait.absorb(other.wait)


class ModelMetrics:
    """One model version: who asked it, its queue, its batches, and where it runs (None until it does)."""

    def __init__(self, request_bounds: tuple[float, ...] = LATENCY_BUCKETS) -> None:
        self.routes = Routes(request_bounds)
        """Requests that reached this version; unlike the other counts they end with it."""
        self.queue_duration = Histogram(LATENCY_BUCKETS)
        self.queue_seconds = self.queue_duration.observe
        """Counts one request's wait for the model."""
        self.batch_size = Histogram(BATCH_BUCKETS)
        self.duration = Histogram(LATENCY_BUCKETS)
        self.load_duration = Histogram(LOAD_BUCKETS)
        self.switches = dict.fromkeys(SwitchResult, 0)
        self.rejected = 0
        self.queue_size: Callable[[], int] = int
        self.queue_capacity = 0
        self.execution_provider: str | None = None
        self.cache: CacheMetrics | None = None
        """None where no cache stands before the model."""
        self.users = 0
        """Loaded instances: while a version is loaded again, two."""

    def batch(self, size: int, seconds: float) -> None:
        """Count one model call for `size` examples."""
        self.batch_size.observe(size)
        self.duration.observe(seconds)

    def absorb(self, other: "ModelMetrics") -> None:
        """Add what another version of the same model, or another process, counted, routes and gauges aside."""
        self.queue_duration.absorb(other.queue_duration)
        self.batch_size.absorb(other.batch_size)
        self.duration.absorb(other.duration)
        self.load_duration.absorb(other.load_duration)
        self.rejected += other.rejected
        for result, count in other.switches.items():
            self.switches[result] += count
        if other.cache is not None:
            self.cache = self.cache or CacheMetrics()
            self.cache.absorb(other.cache)


class Metrics:
    """A server's counts: `routes` of requests that reached no model, `models` by name and version.

    Labels stay bounded because only the server's own names come here: a path it does not know is route `unknown`, and
    a model that it has not loaded is none.
    """

    def __init__(
        self,
        siblings: "Siblings | None" = None,
        *,
        request_bounds: tuple[float, ...] = LATENCY_BUCKETS,
        gpu: int | None = None,
    ) -> None:
        """`siblings` are the workers whose counts are exposed together with these; `request_bounds` end the buckets of
        request durations, in seconds; `gpu` is CUDA's number of the GPU that the models run on, if they run on one.
        """
        self.in_flight = 0
        self.ready: Callable[[], float] = float
        self.gpu = gpu
        self.routes = Routes(request_bounds)
        self.models: dict[tuple[str, str], ModelMetrics] = {}
        self.jobs: dict[str, JobMetrics] = {}
        """By model; a worker of asynchronous inference alone has any."""
        self.backlog: Backlog | None = None
        """Of the queue of jobs; None where there is none, or it does not answer."""
        self._siblings = siblings
        self._exposition: Exposition | None = None
        if siblings is not None:
            self.absorb(siblings.inherited)

    def model(self, name: str, version: str) -> ModelMetrics:
        """The counts of a model version that is being loaded; `remove_model` takes back each such call."""
        model = self.models.setdefault((name, version), ModelMetrics(self.routes.bounds))
        model.users += 1
        return model

    def remove_model(self, name: str, version: str) -> None:
        """Forget an unloaded version; another version of the model inherits its counts, since counters never fall.

        Its requests it does not inherit: their series name the version, and end, which a rate takes for what it is.
        """
        gone = self.models[name, version]
        gone.users -= 1
        if gone.users:
            return
        del self.models[name, version]
        gone.queue_size = int  # else whoever keeps the counts keeps the queue, and with it the model
        heir = next((metrics for (other, _), metrics in self.models.items() if other == name), None)
        if heir is not None:
            heir.absorb(gone)
        else:
            self.jobs.pop(name, None)

    def absorb(self, other: "Metrics") -> None:
        """Add what another process counted, gauges aside."""
        self.routes.absorb(other.routes)
        for key, model in other.models.items():
            mine = self.models.setdefault(key, ModelMetrics(model.routes.bounds))
            mine.absorb(model)
            mine.routes.absorb(model.routes)
        for name, jobs in other.jobs.items():
            self.jobs.setdefault(name, JobMetrics()).absorb(jobs)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics as text and its content type, in the format that the `Accept` header asks for."""
        if self._exposition is None:
            # At the first scrape: importing prometheus_client takes longer than a small model's first answer may.
            from inference_app.exposition import Exposition

            self._exposition = Exposition(self, self._siblings)
        return self._exposition.encode(accept)


def total(parts: Sequence[Metrics]) -> Metrics:
    """The counts and gauges of several processes, as they are now; ready where all are."""
    whole = Metrics()
    for part in parts:
        whole.absorb(part)
    whole.in_flight = sum(part.in_flight for part in parts)
    whole.ready = partial(float, min(part.ready() for part in parts))
    whole.backlog = next((part.backlog for part in parts if part.backlog), None)
    for key, model in whole.models.items():
        same = [part.models[key] for part in parts if key in part.models]
        model.queue_size = partial(int, sum(other.queue_size() for other in same))
        model.queue_capacity = sum(other.queue_capacity for other in same)
        model.execution_provider = next((other.execution_provider for other in same if other.execution_provider), None)
    return whole
