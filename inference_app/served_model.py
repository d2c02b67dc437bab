"""One model version in service: loaded and proven in the background, watched while it answers, drained at its end."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_app import codecs, detector, execution, memory, tuning
from inference_app import model as models
from inference_app.batching import STOPPING, Batcher, BatchingLimits, Run
from inference_app.contract import Execution, SwitchResult
from inference_app.detector import Detector
from inference_app.errors import ModelUnusable, NotReady
from inference_app.health import Health, State
from inference_app.jobs import Queue
from inference_app.metrics import Metrics, ModelMetrics
from inference_app.model import Model
from inference_app.outputs import BatchOutputs
from inference_app.protocols.call import Codec
from inference_app.repository import ModelVersion
from inference_app.runners import InlineBatcher, ThreadedBatcher
from inference_app.settings import Settings
from inference_app.tensors import Arrays
from inference_app.watchdog import Calls, Watchdog, WatchdogLimits

if TYPE_CHECKING:
    from inference_app.result_cache.cache import ResultCache

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Serving:
    """What answers: a model, its queue, the protocols it speaks, and how many requests are on their way through."""

    model: Model
    batcher: Queue
    codecs: tuple[Codec, ...]
    pending: int = 0
    idle: asyncio.Event | None = None

    def leave(self) -> None:
        """One request has its answer."""
        self.pending -= 1
        if self.idle is not None and not self.pending:
            self.idle.set()


class ServedModel:
    """A model version that requests reach by name."""

    def __init__(
        self, version: ModelVersion, settings: Settings, metrics: Metrics, cache: "ResultCache | None" = None
    ) -> None:
        self.version = version
        self.metadata = version.metadata
        self.health = Health(version.metadata.name)
        self.metrics = metrics.model(version.metadata.name, version.metadata.version)
        self._settings = tuning.apply(version, settings)
        self._cache = cache if version.metadata.cacheable else None
        self._serving: Serving | None = None
        self._calls = Calls()
        limits = WatchdogLimits(interval=settings.watchdog_interval_seconds, timeout=settings.watchdog_timeout_seconds)
        self._watchdog = Watchdog(self.health, self._calls, self._probe, self._reload, limits)
        self._watching: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Load and prove the model on another thread; a model that fails leaves the server alive, never ready.

        Raises `ModelUnusable` with the reason.
        """
        started = time.perf_counter()
        try:
            self._serving = await self._make()
        except ModelUnusable as error:
            self._refuse(str(error))
            raise
        except Exception as error:
            logger.exception("the model cannot be loaded")
            self._refuse(f"{type(error).__name__}: {error}")
            raise ModelUnusable(self.health.reason) from error
        self.metrics.load_duration.observe(time.perf_counter() - started)
        if self.health.state is State.STOPPED:  # closed while it loaded
            self.close()
            return
        if self.health.become(State.READY):
            self._announce()
        self._watching = asyncio.create_task(self._watchdog.run())

    def enter(self) -> Serving:
        """What answers a request, which must call `leave` on it in the end; raises `NotReady` with the reason."""
        serving = self._serving
        if serving is None or not self.health.may_answer:
            raise NotReady(self.health.reason)
        serving.pending += 1
        return serving

    async def infer(self, inputs: Arrays, deadline: float | None = None) -> Arrays:
        """Outputs for checked inputs; raises what `Batcher.infer` raises, and `NotReady` while there is no model."""
        serving = self.enter()
        try:
            return await serving.batcher.infer(inputs, deadline)
        finally:
            serving.leave()

    def is_ready_as(self, version: str) -> bool:
        """Whether it is of this version and ready."""
        return self.metadata.version == version and self.health.is_ready

    def outlast(self, error: Exception) -> None:
        """Note that another version failed to take over."""
        self.metrics.switches[SwitchResult.FAILED] += 1
        stays = {"model": self.metadata.name, "version": self.metadata.version, "reason": str(error)}
        logger.warning("the switch failed, this version stays", extra=stays)

    def drain(self) -> None:
        """Stop being ready; requests are still answered."""
        self.health.become(State.DRAINING, STOPPING)

    async def retire(self) -> None:
        """Close when the last request that entered has left, or when those that are left have no hope of an answer."""
        settings = self._settings
        if self._serving is not None and self._serving.pending:
            self._serving.idle = asyncio.Event()
            try:
                async with asyncio.timeout(settings.request_timeout_seconds + settings.watchdog_timeout_seconds):
                    await self._serving.idle.wait()
            except TimeoutError:
                logger.error("a call of the retired model does not return", extra={"model": self.metadata.name})
        self.close()

    def close(self) -> None:
        """Refuse what waits and end the model's threads."""
        gone = f"version {self.metadata.version} of {self.metadata.name} is not served any more"
        self.health.become(State.STOPPED, self.health.reason or gone)
        if self._watching is not None:
            self._watching.cancel()
        if self._serving is not None:
            self._serving.batcher.close()
            self._serving = None

    async def _make(self) -> Serving:
        model = await asyncio.to_thread(models.load, self.version, self._settings)
        guard = await asyncio.to_thread(detector.load, self.version, self._settings, model.golden.inputs)
        spoken = await asyncio.to_thread(codecs.make, self.version)
        await asyncio.to_thread(memory.trim)
        run = self._calls.watch(judged(model, guard))
        queue: Queue = make_batcher(run, model, self._settings, self.metrics, self._watchdog.report)
        if self._cache is not None:
            queue = self._cache.before(queue, self.metadata, self.metrics)
        return Serving(model, queue, spoken)

    async def _probe(self) -> None:
        """Run the golden inference through the queue; raises what the watchdog understands."""
        serving = self._serving
        if serving is None:
            raise NotReady(STOPPING)
        serving.model.golden.check(await serving.batcher.of_model.infer(serving.model.golden.inputs))

    async def _reload(self) -> None:
        old, self._serving = self._serving, None
        if old is not None:
            old.batcher.close()
        del old  # its memory may be what the new one needs
        self._serving = await self._make()

    def _refuse(self, reason: str) -> None:
        self.health.become(State.FAILING, reason)

    def _announce(self) -> None:
        metadata, provider = self.metadata, self._settings.execution_provider
        self.metrics.execution_provider = provider
        extra = {"model": metadata.name, "version": metadata.version, "execution_provider": provider}
        logger.info("ready", extra=extra)


def judged(model: Model, guard: Detector | None) -> Run:
    """The model's calls, with the detector's verdict on the same batch where there is one."""
    if guard is None:
        return lambda inputs: BatchOutputs(model.run(inputs))
    return lambda inputs: BatchOutputs(model.run(inputs), guard.judge(inputs))


def make_batcher(
    run: Run,
    model: Model,
    settings: Settings,
    metrics: ModelMetrics,
    on_error: Callable[[Exception], None] = lambda _: None,
) -> Batcher:
    """A queue of the kind and limits that the settings give a model, whose calls are `run`."""
    limits = BatchingLimits(
        max_batch_size=settings.max_batch_size,
        max_delay=settings.max_batch_delay_ms / 1000,
        max_queue_size=settings.max_queue_size,
        timeout=settings.request_timeout_seconds,
        ragged=any(-1 in spec.shape[1:] for spec in model.metadata.inputs),
    )
    plan = execution.choose(model.full_batch_seconds, settings)
    if plan.kind is Execution.INLINE:
        return InlineBatcher(run, limits, metrics, on_error)
    return ThreadedBatcher(run, limits, metrics, on_error, threads=plan.threads, prepare=plan.prepare)
