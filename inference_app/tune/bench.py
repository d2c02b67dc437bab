"""A model on the bench: loaded as for serving, and put under load with one combination of settings after another."""

import asyncio
import gc
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

import uvloop

from inference_app import detector, execution
from inference_app.batching import Run
from inference_app.contract import Execution, ExecutionProvider
from inference_app.metrics import ModelMetrics
from inference_app.model import Model, batch_sizes
from inference_app.repository import ModelVersion
from inference_app.served_model import judged, make_batcher
from inference_app.settings import Settings
from inference_app.tune.load import Load, Observed
from inference_app.tune.race import Measurement
from inference_app.tuning import TunedSettings

CLIENTS = 8
"""How many requests are on their way while latency is measured."""
BATCHES_WAITING = 4
"""Per model thread while throughput is measured: a free thread always finds a full batch."""
THROUGHPUT_SHARE = 0.7
"""Of a measurement's time; the rest is for latency."""
MANY_CORES = 8
NEVER = 3600.0
"""Seconds; no request of a measurement meets its deadline."""


class Bench:
    """One model version; its sessions are loaded once for each number of intra-op threads."""

    def __init__(self, version: ModelVersion, settings: Settings, say: Callable[[str], None]) -> None:
        self._version = version
        self._settings = settings
        self._say = say
        self._loaded: dict[int, _Loaded] = {}
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._runner.close()

    def candidates(self, max_batch_size: int, longest_call: float) -> list[TunedSettings]:
        """What is worth a measurement; loads the model and proves it. `longest_call` is in seconds.

        Raises `ModelUnusable`.
        """
        found: list[TunedSettings] = []
        for threads, intra_op in thread_counts(execution.cores(), self._settings):
            if intra_op not in self._loaded:
                self._loaded[intra_op] = self._load(intra_op, max_batch_size, longest_call)
            seconds = self._loaded[intra_op].call_seconds
            if not found and self._settings.execution_provider is ExecutionProvider.CPU:
                quick = [size for size, duration in seconds.items() if duration < execution.INLINE_SECONDS]
                found += [_settings(size, Execution.INLINE, 0, intra_op) for size in quick]
            found += [_settings(size, Execution.THREADS, threads, intra_op) for size in seconds]
        return found

    def untuned(self) -> TunedSettings | None:
        """What a server does without a tuning, where that is among the `candidates`."""
        settings = Settings(execution_provider=self._settings.execution_provider)
        size, intra_op = settings.max_batch_size, settings.intra_op_threads
        seconds = self._loaded[intra_op].call_seconds.get(size)
        if seconds is None:
            return None
        plan = execution.choose(seconds, settings)
        return _settings(size, plan.kind, plan.threads, intra_op)

    def measure(self, candidate: TunedSettings, seconds: float) -> Measurement:
        """Put the model under load for about so long; raises `InferenceError` when it fails."""
        gc.collect()
        most = BATCHES_WAITING * candidate.max_batch_size * max(1, candidate.model_threads)
        busy = self._runner.run(self._observe(candidate, most, THROUGHPUT_SHARE * seconds))
        light = self._runner.run(self._observe(candidate, CLIENTS, (1 - THROUGHPUT_SHARE) * seconds))
        return Measurement(busy.examples_per_second(), 1000 * light.latency(0.5), 1000 * light.latency(0.99))

    async def _observe(self, candidate: TunedSettings, clients: int, seconds: float) -> Observed:
        model, run, _ = self._loaded[candidate.intra_op_threads]
        limits = {"max_queue_size": clients, "request_timeout_seconds": NEVER}
        settings = self._settings.model_copy(update={**candidate.model_dump(), **limits})
        batcher = make_batcher(run, model, settings, ModelMetrics())
        return await Load(batcher, model.golden.example(1), clients).run(seconds)

    def _load(self, intra_op: int, max_batch_size: int, longest: float) -> "_Loaded":
        """Load the model and its detector, and time a call of each batch size until one takes longer than `longest`."""
        update = {"intra_op_threads": intra_op, "max_batch_size": max_batch_size}
        settings = self._settings.model_copy(update=update)
        model = Model(self._version, settings)
        model.prove()
        run = judged(model, detector.load(self._version, settings, model.golden.inputs))
        seconds: dict[int, float] = {}
        for size in batch_sizes(max_batch_size):
            if seconds and size * min(duration / each for each, duration in seconds.items()) > longest:
                self._say(f"batches of {size} and more take over {longest:.2g} s with {intra_op} intra-op: left out")
                break
            model.warm_up(size)
            seconds[size] = model.full_batch_seconds
        return _Loaded(model, run, seconds)


class _Loaded(NamedTuple):
    """A proven model, its calls, and how long they take by their batch size."""

    model: Model
    run: Run
    call_seconds: dict[int, float]


def thread_counts(cores: int, settings: Settings) -> list[tuple[int, int]]:
    """Model threads and the intra-op threads of each that are worth trying.

    On the CPU they share the cores: one call on all of them, one call on each, and with many cores a middle. On a GPU
    a second thread prepares its call while the first one's runs; a CUDA graph has one thread anyway.
    """
    if settings.execution_provider is not ExecutionProvider.CPU:
        return [(1, 1)] if settings.cuda_graphs else [(1, 1), (2, 1)]
    if cores == 1:
        return [(1, 1)]
    intra_op = 1 << (cores.bit_length() // 2)
    middle = [(cores // intra_op, intra_op)] if cores >= MANY_CORES else []
    return [(cores, 1), *middle, (1, cores)]


def _settings(size: int, kind: Execution, threads: int, intra_op: int) -> TunedSettings:
    return TunedSettings(max_batch_size=size, execution=kind, model_threads=threads, intra_op_threads=intra_op)
